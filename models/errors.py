"""Every exception that `models` raises on purpose, under one root.

The tree:

    ModelsError (Exception)
    ├── ManifestError (ValueError)         the manifest cannot be read, or a field of it is wrong
    ├── UnknownModel (LookupError)         no model of that name in the manifest
    ├── RuntimeMissing (ImportError)       no TFLite interpreter can be imported here
    ├── PictureError (ValueError)          what should be a picture has another shape or type
    ├── InferenceError (RuntimeError)      the interpreter failed while it ran
    ├── StorageProblem (OSError)           the model folder cannot be written
    ├── ModelFileError
    │   ├── ModelMissing (FileNotFoundError)  there is no model file
    │   ├── ModelDamaged (ValueError)      the file is cut short, altered, or no model at all
    │   └── ModelMismatch (ValueError)     an intact model whose tensors are not those in the manifest
    └── FetchError
        ├── SourceFailed                   one source could not deliver
        ├── FetchFailed                    none of the sources could
        └── FetchBusy (TimeoutError)       another fetch holds the folder

Each message is a sentence that names the file or source and says what to do next.
"""

from __future__ import annotations


class ModelsError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""


class ManifestError(ModelsError, ValueError):
    """The manifest cannot be read, or one of its fields is missing, unknown or wrong."""


class UnknownModel(ModelsError, LookupError):
    """The manifest has no model of that name."""


class RuntimeMissing(ModelsError, ImportError):
    """No TFLite interpreter can be imported; the message says which package to install."""


class PictureError(ModelsError, ValueError):
    """A picture or tensor handed to a detector has the wrong shape or element type."""


class InferenceError(ModelsError, RuntimeError):
    """The interpreter failed while it ran the model."""


class StorageProblem(ModelsError, OSError):
    """The model folder cannot be created or written: no room, read-only, or not permitted."""


class ModelFileError(ModelsError):
    """The root of everything that is wrong with a model file on this machine."""


class ModelMissing(ModelFileError, FileNotFoundError):
    """There is no model file at the place where it belongs."""


class ModelDamaged(ModelFileError, ValueError):
    """The file has the wrong length or hash, or no interpreter accepts it as a model."""


class ModelMismatch(ModelFileError, ValueError):
    """The model opens, but its tensors are not those that the manifest describes."""


class FetchError(ModelsError):
    """The root of everything that goes wrong while a model is fetched."""


class SourceFailed(FetchError):
    """One source could not deliver the model.

    Attributes:
        source: The source as the manifest writes it.
        reason: What went wrong, as a clause without a full stop.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}.")


class FetchFailed(FetchError):
    """None of a model's sources could deliver it.

    Attributes:
        failures: What each source answered, in the order in which they were tried.
    """

    def __init__(self, name: str, failures: tuple[SourceFailed, ...]) -> None:
        self.failures = failures
        lines = [f"The model {name} could not be fetched from any of its sources."]
        lines += [f"  {number}. {failure}" for number, failure in enumerate(failures, 1)]
        lines.append("Bring this machine online and try again, or import the file from another machine.")
        super().__init__("\n".join(lines))


class FetchBusy(FetchError, TimeoutError):
    """Another fetch into the same folder did not end in time."""
