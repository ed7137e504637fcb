/* SPDX-License-Identifier: MIT */
/*
 * Replays a corpus without libFuzzer: every file given, or found in a directory given, goes once
 * through the fuzz target. The file's name is printed before it runs, so that a crash names it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target may need to set up once, as with libFuzzer. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int run_file(const char *path)
{
	uint8_t *data = NULL;
	size_t size;
	struct stat st;
	FILE *file;

	file = fopen(path, "rb");
	if (!file || fstat(fileno(file), &st) < 0) {
		fprintf(stderr, "cannot read '%s': %s\n", path, strerror(errno));
		goto fail;
	}
	size = (size_t)st.st_size;
	/* Exactly the size of the input, so that ASan sees a read of one byte too many. */
	data = malloc(size > 0 ? size : 1);
	if (!data || fread(data, 1, size, file) != size) {
		fprintf(stderr, "cannot read '%s': short read or out of memory\n", path);
		goto fail;
	}
	fclose(file);
	printf("%s\n", path);
	fflush(stdout);
	if (size == 0) {
		/* An empty input is a pointer that must not be read at all. */
		free(data);
		data = NULL;
	}
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
fail:
	free(data);
	if (file)
		fclose(file);
	return -1;
}

static int run_path(const char *path, size_t *count)
{
	struct dirent **entries = NULL;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "cannot open '%s': %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		++*count;
		return run_file(path);
	}
	/* Sorted, so that two runs do the same in the same order. */
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "cannot list '%s': %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		char *child = NULL;

		if (r == 0 && entries[i]->d_name[0] != '.') {
			if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0)
				r = -1;
			else if (stat(child, &st) == 0 && S_ISREG(st.st_mode))
				r = run_path(child, count);
		}
		free(child);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int main(int argc, char **argv)
{
	size_t count = 0;

	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv) != 0)
		return 1;
	for (int i = 1; i < argc; i++) {
		if (run_path(argv[i], &count) < 0)
			return 1;
	}
	if (count == 0) {
		fprintf(stderr, "no input found; give files or directories with files\n");
		return 1;
	}
	printf("fuzz corpus: %zu files\n", count);
	return 0;
}
