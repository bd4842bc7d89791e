/* Python's memory in huge pages: a worker's clients are everywhere in it, and nearly every event meets another one.
 *
 * Where such a client lies is looked up in tables that no cache holds either; of pages of 2 MB these are 500 times
 * smaller. Linux gives them where they are asked for (`madvise`, which is what most distributions ship), but not to what
 * grows by a megabyte at a time, as Python's memory does. So arenas, of which Python makes all its small objects, are
 * taken from areas of 64 MB that were asked for first.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)2 << 20)
#define AREA ((size_t)64 << 20)
#define MOST 4096 /* Areas: 256 GB. What is beyond comes as it did before. */

static PyObjectArenaAllocator before;
static size_t arena;           /* Bytes of each, as Python asks for the first; 0: none was taken yet. */
static size_t each;            /* Arenas of an area. */
static char *areas[MOST];      /* In the order in which they were taken. */
static unsigned char *used[MOST]; /* By arena, whether it is used. */
static size_t left[MOST];      /* Arenas that are not. */
static size_t count;

static int take_area(void)
{
    /* One page more, of which what lies before and behind goes back: huge pages begin at multiples of their size. */
    char *start = mmap(NULL, AREA + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return 0;
    size_t ahead = (PAGE - (uintptr_t)start % PAGE) % PAGE;
    if (ahead)
        munmap(start, ahead);
    if (PAGE - ahead)
        munmap(start + ahead + AREA, PAGE - ahead);
    used[count] = calloc(each, 1);
    if (used[count] == NULL) {
        munmap(start + ahead, AREA);
        return 0;
    }
#ifdef MADV_HUGEPAGE
    /* Where it is refused there are small pages, as before. */
    (void)madvise(start + ahead, AREA, MADV_HUGEPAGE);
#endif
    areas[count] = start + ahead;
    left[count] = each;
    count++;
    return 1;
}

static void *take(void *Py_UNUSED(context), size_t size)
{
    if (arena == 0 && size <= PAGE && PAGE % size == 0) {
        arena = size;
        each = AREA / size;
    }
    if (size != arena)
        return before.alloc(before.ctx, size);
    /* The first that is free: what is used lies together, so that whole pages become free. */
    for (size_t n = 0; n < count || (count < MOST && take_area()); n++) {
        if (left[n] == 0)
            continue;
        unsigned char *free_one = memchr(used[n], 0, each);
        *free_one = 1;
        left[n]--;
        return areas[n] + (size_t)(free_one - used[n]) * arena;
    }
    return before.alloc(before.ctx, size);
}

static void give_back(void *Py_UNUSED(context), void *start, size_t size)
{
    for (size_t n = 0; n < count; n++) {
        if ((char *)start < areas[n] || (char *)start >= areas[n] + AREA)
            continue;
        size_t at = (size_t)((char *)start - areas[n]), page = at / PAGE * PAGE;
        used[n][at / arena] = 0;
        left[n]++;
        /* A page goes back to the machine when nothing of it is used: half of one could only go if it were split. */
        if (memchr(used[n] + page / arena, 1, PAGE / arena) == NULL)
            (void)madvise(areas[n] + page, PAGE, MADV_DONTNEED);
        return;
    }
    before.free(before.ctx, start, size);
}

static PyObject *in_huge_pages(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(arguments))
{
    static int is_done;
    if (!is_done) {
        is_done = 1;
        PyObject_GetArenaAllocator(&before);
        PyObjectArenaAllocator ours = {NULL, take, give_back};
        PyObject_SetArenaAllocator(&ours);
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"in_huge_pages", in_huge_pages, METH_NOARGS, "Take Python's memory from huge pages from now on."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "arenas",
    .m_doc = "Python's memory in huge pages.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit_arenas(void)
{
    return PyModule_Create(&module);
}
