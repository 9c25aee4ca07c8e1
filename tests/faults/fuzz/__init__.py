"""Bad bytes: everything that reads what anybody may have written, fed by a coverage-guided fuzzer."""
