/*
 * Before the "VFS lock" kernel patch, LVM could not ask a file system to settle before a snapshot was
 * taken: the snapshot of a busy one came with a journal still to be replayed, and a snapshot that cannot
 * be written to could not be mounted then. Kernels since 2.6 freeze the file system of their own accord.
 * Preloaded into lvcreate, this asks device-mapper not to.
 */
#define _GNU_SOURCE
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	if (request == DM_DEV_SUSPEND) {
		struct dm_ioctl *command = argument;
		/* The same request resumes; the flag tells which. */
		if (command->flags & DM_SUSPEND_FLAG)
			command->flags |= DM_SKIP_LOCKFS_FLAG;
	}
	return syscall(SYS_ioctl, fd, request, argument);
}
