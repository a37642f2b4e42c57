/* Loaded before everything else (LD_PRELOAD), counts the calls that change files under a folder, or the allocations of
   SQLite, and has one of them fail or ends the process there. shim.py arms it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the order of shim.py's EFFECTS. */
enum effect { COUNT, EIO_ONCE, ENOSPC_ONCE, ENOSPC_ON, SHORT, TORN, KILL_BEFORE, KILL_AFTER, NOMEM_ONCE, NOMEM_ON };

enum kind { WRITE, SYNC, TRUNCATE, MAP, OPEN, NAME };

static struct {
    int armed;
    enum effect effect;
    long at;
    long counted;
    int report;
    char folder[PATH_MAX];
    uintptr_t start, end; /* where SQLite's code is */
} fault;

/* What the caller of a call has to do. */
enum verdict { PASS, FAIL, HALF };

static void end_process(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void report(const char *call, const char *path) {
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    syscall(SYS_write, fault.report, line, (size_t)length);
}

static int is_under(const char *path) {
    size_t length = strlen(fault.folder);
    return strncmp(path, fault.folder, length) == 0 && path[length] == '/';
}

static int counts(enum kind kind) {
    switch (fault.effect) {
    case ENOSPC_ON: return kind == WRITE || kind == TRUNCATE || kind == OPEN;
    case SHORT:
    case TORN: return kind == WRITE;
    case NOMEM_ONCE:
    case NOMEM_ON: return 0;
    default: return 1;
    }
}

/* `after` is set if the process is to be killed once the call is done. */
static enum verdict judge(enum kind kind, const char *call, const char *path, int *after) {
    *after = 0;
    if (!fault.armed || !counts(kind) || !is_under(path)) return PASS;
    long n = __atomic_add_fetch(&fault.counted, 1, __ATOMIC_SEQ_CST);
    if (fault.effect == COUNT) report(call, path);
    int strikes = fault.at && (n == fault.at || (n > fault.at && fault.effect == ENOSPC_ON));
    if (!strikes) return PASS;
    if (n == fault.at) report(call, path);
    switch (fault.effect) {
    case EIO_ONCE: errno = EIO; return FAIL;
    case ENOSPC_ONCE:
    case ENOSPC_ON: errno = ENOSPC; return FAIL;
    case SHORT: return HALF;
    case TORN: *after = 1; return HALF;
    case KILL_BEFORE: end_process(); return FAIL;
    case KILL_AFTER: *after = 1; return PASS;
    default: return PASS;
    }
}

static enum verdict judge_handle(enum kind kind, const char *call, int handle, int *after) {
    char link[64], path[PATH_MAX];
    *after = 0;
    if (!fault.armed) return PASS;
    int error = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = error;
    if (length < 0) return PASS;
    path[length] = 0;
    return judge(kind, call, path, after);
}

static long done(long result, int after) {
    if (after) end_process();
    return result;
}

ssize_t pwrite64(int handle, const void *data, size_t size, off64_t offset) {
    int after;
    enum verdict verdict = judge_handle(WRITE, "pwrite", handle, &after);
    if (verdict == FAIL) return -1;
    if (verdict == HALF) size /= 2;
    return done(syscall(SYS_pwrite64, handle, data, size, offset), after);
}

ssize_t pwrite(int handle, const void *data, size_t size, off_t offset) { return pwrite64(handle, data, size, offset); }

ssize_t write(int handle, const void *data, size_t size) {
    int after;
    enum verdict verdict = judge_handle(WRITE, "write", handle, &after);
    if (verdict == FAIL) return -1;
    if (verdict == HALF) size /= 2;
    return done(syscall(SYS_write, handle, data, size), after);
}

int fsync(int handle) {
    int after;
    if (judge_handle(SYNC, "fsync", handle, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_fsync, handle), after);
}

int fdatasync(int handle) {
    int after;
    if (judge_handle(SYNC, "fdatasync", handle, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_fdatasync, handle), after);
}

int ftruncate64(int handle, off64_t length) {
    int after;
    if (judge_handle(TRUNCATE, "ftruncate", handle, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_ftruncate, handle, length), after);
}

int ftruncate(int handle, off_t length) { return ftruncate64(handle, length); }

void *mmap64(void *address, size_t length, int protection, int flags, int handle, off64_t offset) {
    int after = 0;
    if (handle >= 0 && judge_handle(MAP, "mmap", handle, &after) == FAIL) return MAP_FAILED;
    return (void *)done(syscall(SYS_mmap, address, length, protection, flags, handle, offset), after);
}

void *mmap(void *address, size_t length, int protection, int flags, int handle, off_t offset) {
    return mmap64(address, length, protection, flags, handle, offset);
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    int after;
    if (judge(OPEN, "open", path, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_openat, folder, path, flags, mode), after);
}

#define MODE(flags, mode)                                                                                              \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = va_arg(more, mode_t);                                                                                   \
        va_end(more);                                                                                                  \
    }

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(folder, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(folder, path, flags, mode);
}

int unlink(const char *path) {
    int after;
    if (judge(NAME, "unlink", path, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_unlinkat, AT_FDCWD, path, 0), after);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    int after;
    if (judge(NAME, "link", to, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_linkat, from_folder, from, to_folder, to, flags), after);
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int rename(const char *from, const char *to) {
    int after;
    if (judge(NAME, "rename", to, &after) == FAIL) return -1;
    return (int)done(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), after);
}

/* Allocations. Their return address tells SQLite's from those of the interpreter and of Rust. */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static int is_refused(void *caller) {
    uintptr_t address = (uintptr_t)caller;
    if (!fault.armed || fault.effect < NOMEM_ONCE || address < fault.start || address >= fault.end) return 0;
    long n = __atomic_add_fetch(&fault.counted, 1, __ATOMIC_SEQ_CST);
    if (!fault.at || n < fault.at || (n > fault.at && fault.effect == NOMEM_ONCE)) return 0;
    if (n == fault.at) report("malloc", "memory");
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size) {
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

/* What shim.py calls. */

static int find_sqlite(struct dl_phdr_info *library, size_t size, void *unused) {
    (void)size;
    (void)unused;
    if (!strstr(library->dlpi_name, "libsqlite3.so")) return 0;
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        fault.start = library->dlpi_addr + part->p_vaddr;
        fault.end = fault.start + part->p_memsz;
    }
    return 1;
}

/* Whether SQLite is a library of its own here. */
int fault_can_refuse_memory(void) {
    fault.start = fault.end = 0;
    dl_iterate_phdr(find_sqlite, NULL);
    return fault.end != 0;
}

/* What was struck is written to `report`, a handle; if nothing is to be struck (at = 0), every call that counts is. */
void fault_arm(const char *folder, int effect, long at, int report) {
    fault_can_refuse_memory();
    snprintf(fault.folder, sizeof fault.folder, "%s", folder);
    fault.effect = effect;
    fault.at = at;
    fault.report = report;
    fault.counted = 0;
    __atomic_store_n(&fault.armed, 1, __ATOMIC_SEQ_CST);
}

/* How many calls were counted. */
long fault_disarm(void) {
    __atomic_store_n(&fault.armed, 0, __ATOMIC_SEQ_CST);
    return fault.counted;
}
