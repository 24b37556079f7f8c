/* Counts the file-system mutations of a whole process tree below one folder, and at one of them kills or fails.
 *
 * Loaded with LD_PRELOAD into every process of a run. They share the mapped file that FAULTS_STATE names (`struct
 * state`, whose twin is in injection.py). What the C library writes from inside itself (stdio's buffers) and mappings
 * are not seen. Everything here must work between vfork and exec too: no allocation, no stdio, no locks.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

enum { COUNT, KILL_BEFORE, KILL_AFTER, FAIL };
enum { PIDS = 1 << 16, FAILURES = 64 };
enum { GO = 0, SHORTEN = -1, DIE_AFTER = -2 }; /* what `enter` says besides an errno */

struct state {
    uint64_t count;  /* mutations so far */
    uint64_t at;     /* the one that is hit, from 1 */
    uint64_t failed; /* how many were made to fail */
    uint32_t mode;
    uint32_t error;  /* errno of a failure */
    uint32_t shorten; /* the first failure is a write of half the bytes */
    uint32_t sticky; /* failures go on */
    uint32_t dead;   /* the tree is being killed: whoever reads this ends */
    uint32_t pid_count;
    char root[PATH_MAX];
    char fired[2 * PATH_MAX]; /* what was hit: "pid operation path" */
    int32_t pids[PIDS];
};

static struct state *state;
static char marker[PATH_MAX + 16]; /* FAULTS_STATE=... as it stands in an environment */
static int trace = -1;

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) syscall(SYS_pause);
}

/* A pid is only a number: the process must carry our marker, or it may be a stranger's by now. */
static int is_ours(int pid) {
    static char block[1 << 18];
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/environ", pid);
    long handle = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (handle < 0) return 0;
    size_t held = 0;
    for (long got; held < sizeof block - 1; held += got)
        if ((got = syscall(SYS_read, handle, block + held, sizeof block - 1 - held)) <= 0) break;
    syscall(SYS_close, handle);
    block[held] = 0;
    for (char *entry = block; entry < block + held; entry += strlen(entry) + 1)
        if (!strcmp(entry, marker)) return 1;
    return 0;
}

/* One process gets here once: the one that made the fatal mutation. The flag stops whoever is not in the table yet. */
static void kill_all(void) {
    __atomic_store_n(&state->dead, 1, __ATOMIC_SEQ_CST);
    int self = syscall(SYS_getpid);
    for (int again = 0; again < 2; again++) {
        uint32_t known = __atomic_load_n(&state->pid_count, __ATOMIC_SEQ_CST);
        for (uint32_t i = 0; i < known && i < PIDS; i++) {
            int pid = state->pids[i];
            if (pid > 1 && pid != self && is_ours(pid)) syscall(SYS_kill, pid, SIGKILL);
        }
    }
    die();
}

static void enlist(void) {
    if (!state) return;
    uint32_t slot = __atomic_fetch_add(&state->pid_count, 1, __ATOMIC_SEQ_CST);
    if (slot < PIDS) state->pids[slot] = syscall(SYS_getpid);
    if (__atomic_load_n(&state->dead, __ATOMIC_SEQ_CST)) die();
}

__attribute__((constructor)) static void load(void) {
    const char *path = getenv("FAULTS_STATE");
    if (!path) return;
    snprintf(marker, sizeof marker, "FAULTS_STATE=%s", path);
    long handle = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (handle < 0) return;
    void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    syscall(SYS_close, handle);
    if (mapped == MAP_FAILED) return;
    state = mapped;
    const char *log = getenv("FAULTS_TRACE");
    if (log) {
        long opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        trace = opened < 0 ? -1 : (int)syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900);
        if (opened >= 0) syscall(SYS_close, opened);
    }
    pthread_atfork(NULL, NULL, enlist);
    enlist();
}

/* Where things are */

static int inside(const char *path) {
    size_t length = strlen(state->root);
    return !strncmp(path, state->root, length) && (path[length] == '/' || !path[length]);
}

static int of_descriptor(int handle, char *path) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", handle);
    long length = syscall(SYS_readlinkat, AT_FDCWD, name, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return path[0] == '/';
}

static int of_name(int folder, const char *name, char *path) {
    if (!name) return 0;
    if (name[0] == '/') return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) <= 0) return 0;
    } else if (!of_descriptor(folder, base)) {
        return 0;
    }
    size_t held = strlen(base);
    if (held + strlen(name) + 2 > PATH_MAX) return 0;
    memcpy(path, base, held);
    path[held] = '/';
    strcpy(path + held + 1, name);
    return 1;
}

/* The gate each mutation passes */

static void note(char *into, size_t size, uint64_t number, const char *what, const char *path) {
    snprintf(into, size, "%llu %d %s %s\n", (unsigned long long)number, (int)syscall(SYS_getpid), what, path);
}

static int fault(const char *what, const char *path, uint64_t number, int takes_space, int is_write) {
    int full = state->error == ENOSPC || state->error == EDQUOT;
    if (number < state->at || (full && !takes_space)) return GO;
    uint64_t earlier = __atomic_load_n(&state->failed, __ATOMIC_SEQ_CST);
    if (state->shorten && !earlier && !is_write) return GO;
    earlier = __atomic_fetch_add(&state->failed, 1, __ATOMIC_SEQ_CST);
    if (earlier && !state->sticky) {
        __atomic_fetch_sub(&state->failed, 1, __ATOMIC_SEQ_CST);
        return GO;
    }
    if (!earlier) note(state->fired, sizeof state->fired, number, what, path);
    return state->shorten && !earlier ? SHORTEN : (int)state->error;
}

static int enter(const char *what, const char *path, int takes_space, int is_write) {
    if (!inside(path)) return GO;
    if (__atomic_load_n(&state->dead, __ATOMIC_SEQ_CST)) die();
    uint64_t number = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
    if (trace >= 0) {
        char line[2 * PATH_MAX];
        note(line, sizeof line, number, what, path);
        syscall(SYS_write, trace, line, strlen(line));
    }
    if (state->mode == COUNT) return GO;
    if (state->mode == FAIL) return fault(what, path, number, takes_space, is_write);
    if (number > state->at) die();
    if (number < state->at) return GO;
    note(state->fired, sizeof state->fired, number, what, path);
    if (state->mode == KILL_BEFORE) kill_all();
    return DIE_AFTER;
}

#define SPACE 1
#define ANY 0

static int by_name(const char *what, int folder, const char *name, int takes_space) {
    char path[PATH_MAX];
    int kept = errno;
    int verdict = state && of_name(folder, name, path) ? enter(what, path, takes_space, 0) : GO;
    errno = kept;
    return verdict;
}

static int by_descriptor(const char *what, int handle, int takes_space, size_t bytes) {
    struct stat facts;
    char path[PATH_MAX];
    int kept = errno, verdict = GO;
    if (state && !fstat(handle, &facts) && (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)) &&
        of_descriptor(handle, path))
        verdict = enter(what, path, takes_space, bytes > 1);
    errno = kept;
    return verdict;
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define THROUGH(gate, failed, call) \
    do { \
        int verdict = (gate); \
        if (verdict > 0) { \
            errno = verdict; \
            return failed; \
        } \
        __typeof__(call) result = (call); \
        int kept = errno; \
        if (verdict == DIE_AFTER) kill_all(); \
        errno = kept; \
        return result; \
    } while (0)

/* Files opened to be changed */

static int changes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC); }

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE(flags) \
        REAL(int, #name, const char *, int, ...); \
        THROUGH(changes(flags) ? by_name("open", AT_FDCWD, path, (flags) & O_CREAT) : GO, -1, real(path, flags, mode)); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        MODE(flags) \
        REAL(int, #name, int, const char *, int, ...); \
        THROUGH(changes(flags) ? by_name("open", folder, path, (flags) & O_CREAT) : GO, -1, \
                real(folder, path, flags, mode)); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define OPEN_2(name) \
    int name(const char *path, int flags) { \
        REAL(int, #name, const char *, int); \
        THROUGH(changes(flags) ? by_name("open", AT_FDCWD, path, ANY) : GO, -1, real(path, flags)); \
    }
OPEN_2(__open_2)
OPEN_2(__open64_2)

#define CREAT(name) \
    int name(const char *path, mode_t mode) { \
        REAL(int, #name, const char *, mode_t); \
        THROUGH(by_name("creat", AT_FDCWD, path, SPACE), -1, real(path, mode)); \
    }
CREAT(creat)
CREAT(creat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *how) { \
        REAL(FILE *, #name, const char *, const char *); \
        THROUGH(strpbrk(how, "wa+") ? by_name("fopen", AT_FDCWD, path, SPACE) : GO, NULL, real(path, how)); \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define MKSTEMP(name) \
    int name(char *path) { \
        REAL(int, #name, char *); \
        THROUGH(by_name("open", AT_FDCWD, path, SPACE), -1, real(path)); \
    }
MKSTEMP(mkstemp)
MKSTEMP(mkstemp64)

char *mkdtemp(char *path) {
    REAL(char *, "mkdtemp", char *);
    THROUGH(by_name("mkdir", AT_FDCWD, path, SPACE), NULL, real(path));
}

/* Bytes */

#define WRITTEN(name, handle, bytes, whole, half) \
    do { \
        int verdict = by_descriptor(name, handle, SPACE, bytes); \
        if (verdict == SHORTEN) return half; \
        if (verdict > 0) { \
            errno = verdict; \
            return -1; \
        } \
        ssize_t result = whole; \
        int kept = errno; \
        if (verdict == DIE_AFTER) kill_all(); \
        errno = kept; \
        return result; \
    } while (0)

ssize_t write(int handle, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    WRITTEN("write", handle, size, real(handle, data, size), real(handle, data, size / 2));
}
#define PWRITE(name, offset) \
    ssize_t name(int handle, const void *data, size_t size, offset where) { \
        REAL(ssize_t, #name, int, const void *, size_t, offset); \
        WRITTEN("pwrite", handle, size, real(handle, data, size, where), real(handle, data, size / 2, where)); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static size_t total(const struct iovec *parts, int many) {
    size_t sum = 0;
    for (int i = 0; i < many; i++) sum += parts[i].iov_len;
    return sum;
}
ssize_t writev(int handle, const struct iovec *parts, int many) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    struct iovec first = many > 0 ? parts[0] : (struct iovec){0};
    first.iov_len = first.iov_len > 1 ? first.iov_len / 2 : first.iov_len;
    WRITTEN("writev", handle, total(parts, many), real(handle, parts, many), real(handle, &first, 1));
}
#define PWRITEV(name, offset) \
    ssize_t name(int handle, const struct iovec *parts, int many, offset where) { \
        REAL(ssize_t, #name, int, const struct iovec *, int, offset); \
        WRITTEN("pwritev", handle, 0, real(handle, parts, many, where), -1); \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define SENDFILE(name, offset) \
    ssize_t name(int out, int in, offset *from, size_t size) { \
        REAL(ssize_t, #name, int, int, offset *, size_t); \
        WRITTEN("sendfile", out, size, real(out, in, from, size), real(out, in, from, size / 2)); \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    WRITTEN("copy_file_range", out, size, real(in, from, out, to, size, flags), real(in, from, out, to, size / 2, flags));
}

/* Everything else, by what it is given: (result, name, gate, parameters), arguments */

#define CALL(name, gate, parameters, arguments) \
    int name parameters { \
        static int(*real) parameters; \
        if (!real) real = (int(*) parameters)dlsym(RTLD_NEXT, #name); \
        THROUGH(gate, -1, real arguments); \
    }
#define HERE AT_FDCWD

CALL(rename, by_name("rename", HERE, to, SPACE), (const char *from, const char *to), (from, to))
CALL(renameat, by_name("rename", there, to, SPACE), (int here, const char *from, int there, const char *to),
     (here, from, there, to))
CALL(renameat2, by_name("rename", there, to, SPACE),
     (int here, const char *from, int there, const char *to, unsigned flags), (here, from, there, to, flags))
CALL(link, by_name("link", HERE, to, SPACE), (const char *from, const char *to), (from, to))
CALL(linkat, by_name("link", there, to, SPACE), (int here, const char *from, int there, const char *to, int flags),
     (here, from, there, to, flags))
CALL(symlink, by_name("symlink", HERE, path, SPACE), (const char *target, const char *path), (target, path))
CALL(symlinkat, by_name("symlink", folder, path, SPACE), (const char *target, int folder, const char *path),
     (target, folder, path))
CALL(unlink, by_name("unlink", HERE, path, ANY), (const char *path), (path))
CALL(unlinkat, by_name("unlink", folder, path, ANY), (int folder, const char *path, int flags), (folder, path, flags))
CALL(remove, by_name("unlink", HERE, path, ANY), (const char *path), (path))
CALL(mkdir, by_name("mkdir", HERE, path, SPACE), (const char *path, mode_t mode), (path, mode))
CALL(mkdirat, by_name("mkdir", folder, path, SPACE), (int folder, const char *path, mode_t mode), (folder, path, mode))
CALL(rmdir, by_name("rmdir", HERE, path, ANY), (const char *path), (path))
CALL(truncate, by_name("truncate", HERE, path, ANY), (const char *path, off_t size), (path, size))
CALL(truncate64, by_name("truncate", HERE, path, ANY), (const char *path, off64_t size), (path, size))
CALL(ftruncate, by_descriptor("ftruncate", handle, ANY, 0), (int handle, off_t size), (handle, size))
CALL(ftruncate64, by_descriptor("ftruncate", handle, ANY, 0), (int handle, off64_t size), (handle, size))
CALL(fsync, by_descriptor("fsync", handle, SPACE, 0), (int handle), (handle))
CALL(fdatasync, by_descriptor("fdatasync", handle, SPACE, 0), (int handle), (handle))
CALL(chmod, by_name("chmod", HERE, path, ANY), (const char *path, mode_t mode), (path, mode))
CALL(fchmod, by_descriptor("chmod", handle, ANY, 0), (int handle, mode_t mode), (handle, mode))
CALL(fchmodat, by_name("chmod", folder, path, ANY), (int folder, const char *path, mode_t mode, int flags),
     (folder, path, mode, flags))
CALL(utime, by_name("utime", HERE, path, ANY), (const char *path, const struct utimbuf *times), (path, times))
CALL(utimes, by_name("utime", HERE, path, ANY), (const char *path, const struct timeval times[2]), (path, times))
CALL(futimens, by_descriptor("utime", handle, ANY, 0), (int handle, const struct timespec times[2]), (handle, times))
CALL(utimensat, by_name("utime", folder, path, ANY),
     (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags))
CALL(fallocate, by_descriptor("fallocate", handle, SPACE, 0), (int handle, int mode, off_t from, off_t size),
     (handle, mode, from, size))
CALL(fallocate64, by_descriptor("fallocate", handle, SPACE, 0), (int handle, int mode, off64_t from, off64_t size),
     (handle, mode, from, size))
