/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gotrace: heap allocations of a running Go process, by call site.
 */
#include "args.h"
#include "session.h"

int main(int argc, char **argv)
{
	struct args args;
	int code;

	args__parse(argc, argv, &args);
	code = args.inspect ? inspect__run(&args) : loop__run(&args);
	args__free(&args);
	return code;
}
