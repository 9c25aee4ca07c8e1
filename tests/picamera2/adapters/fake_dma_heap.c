/* Preloaded into the tests' Python: a DMA heap for kernels without one.
 *
 * libcamera allocates the virtual camera's buffers from /dev/dma_heap, which most servers and containers lack.
 * Opening a heap gives a harmless descriptor; allocating from it gives ordinary shared memory, which behaves
 * as a DMA buffer does when only the processor looks at it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int is_heap(const char *path)
{
	return path != NULL && strncmp(path, "/dev/dma_heap/", 14) == 0;
}

static int open_really(const char *path, int flags, mode_t mode)
{
	if (is_heap(path))
		return memfd_create("dma-heap", MFD_CLOEXEC);
	int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
	return real(AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = mode_of(flags, rest);
	va_end(rest);
	return open_really(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = mode_of(flags, rest);
	va_end(rest);
	return open_really(path, flags, mode);
}

static int allocate(struct dma_heap_allocation_data *wanted)
{
	int fd = memfd_create("dma-buffer", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)wanted->len) != 0) {
		close(fd);
		return -1;
	}
	wanted->fd = (__u32)fd;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	request &= 0xffffffffUL; /* Python passes it with its sign */
	if (request == (DMA_HEAP_IOCTL_ALLOC & 0xffffffffUL))
		return allocate(argument);
	if (_IOC_TYPE(request) == DMA_BUF_BASE && _IOC_NR(request) <= _IOC_NR(DMA_BUF_SET_NAME))
		return 0; /* begin or end access, name: nothing to do for shared memory */
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	return real(fd, request, argument);
}
