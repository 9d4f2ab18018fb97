/*
 * Preloaded into a server under test: makes one system call that it is told about fail, wait, or be the last.
 *
 * CRASH_SHIM names a file with one rule, "CALL PART ACTION NTH TIMES", that is looked for at every intercepted call:
 *   CALL    rename | write | sync     (write: pwrite of a file, sync: fdatasync of a file)
 *   PART    text that the path holds  (of a rename: the old path)
 *   ACTION  kill | torn | delay:MS | an error number   (torn: half of a write, then kill)
 *   NTH     the first matching call that is acted upon, from 1
 *   TIMES   how many calls are acted upon; 0: all. With the last one the file is removed.
 * The engine renames a part into place with rename(2); SQLite writes with pwrite64(2) and syncs with fdatasync(2).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { PASS, FAIL, TORN };

struct verdict {
    int kind;
    int error;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ino_t rule_inode;
static struct timespec rule_time;
static long seen;

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static struct verdict act(const char *action) {
    struct verdict pass = {PASS, 0};
    if (strcmp(action, "kill") == 0)
        die();
    if (strcmp(action, "torn") == 0)
        return (struct verdict){TORN, 0};
    if (strncmp(action, "delay:", 6) == 0) {
        usleep((useconds_t)atol(action + 6) * 1000);
        return pass;
    }
    return (struct verdict){FAIL, atoi(action)};
}

static struct verdict judge(const char *call, const char *path) {
    struct verdict pass = {PASS, 0};
    const char *file = getenv("CRASH_SHIM");
    int saved = errno;
    FILE *rule = file ? fopen(file, "re") : NULL;
    errno = saved;
    if (rule == NULL)
        return pass;
    char wanted[16], part[256], action[32];
    long nth, times;
    struct stat about;
    int fields = fscanf(rule, "%15s %255s %31s %ld %ld", wanted, part, action, &nth, &times);
    int known = fstat(fileno(rule), &about);
    fclose(rule);
    errno = saved;
    if (fields != 5 || known != 0 || strcmp(call, wanted) != 0 || strstr(path, part) == NULL)
        return pass;
    pthread_mutex_lock(&lock);
    if (about.st_ino != rule_inode || about.st_mtim.tv_sec != rule_time.tv_sec || about.st_mtim.tv_nsec != rule_time.tv_nsec) {
        rule_inode = about.st_ino;
        rule_time = about.st_mtim;
        seen = 0;
    }
    long number = ++seen;
    if (times != 0 && number == nth + times - 1)
        unlink(file);
    pthread_mutex_unlock(&lock);
    errno = saved;
    if (number < nth || (times != 0 && number >= nth + times))
        return pass;
    return act(action);
}

static struct verdict judge_open(const char *call, int descriptor) {
    char link[64], path[PATH_MAX];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (size < 0)
        return (struct verdict){PASS, 0};
    path[size] = '\0';
    return judge(call, path);
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (real == NULL)
        real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    struct verdict found = judge("rename", from);
    if (found.kind == FAIL) {
        errno = found.error;
        return -1;
    }
    return real(from, to);
}

static ssize_t checked_pwrite(int descriptor, const void *data, size_t size, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    struct verdict found = judge_open("write", descriptor);
    if (found.kind == FAIL) {
        errno = found.error;
        return -1;
    }
    if (found.kind == TORN) {
        real(descriptor, data, size / 2, offset);
        die();
    }
    return real(descriptor, data, size, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return checked_pwrite(descriptor, data, size, offset);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return checked_pwrite(descriptor, data, size, (off64_t)offset);
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    struct verdict found = judge_open("sync", descriptor);
    if (found.kind == FAIL) {
        errno = found.error;
        return -1;
    }
    return real(descriptor);
}
