// SPDX-License-Identifier: GPL-2.0

package main

/*
#include <stdlib.h>
#include <string.h>

extern void truthCallback(void);

static int lengthOf(const char *s) { return (int)strlen(s); }
static void callBack(void) { truthCallback(); }
static char theText[] = "a C string of thirty-one bytes.";
static char *text(void) { return theText; }
*/
import "C"

import "unsafe"

type tCgo struct {
	p *int
	a [15]int
}

type tCallback struct {
	p *int
	a [16]int
}

var cgoSites = []site{
	{name: "beside C", n: 1213, each: 1, size: 128, typ: (*tCgo)(nil), via: "newobject", run: siteBesideC},
	{name: "C string", n: 1217, each: 1, size: -1, typ: untyped{}, via: "string", match: tail, run: siteCString},
	{name: "called by C", n: 1223, each: 1, size: 136, typ: (*tCallback)(nil), via: "newobject",
		match: leaf, run: siteCallback},
}

func siteBesideC(n int) {
	s := C.CString("seven..")
	for i := 0; i < n; i++ {
		if C.lengthOf(s) == 7 {
			sinkP, _ = unsafe.Pointer(new(tCgo)), rec()
		}
	}
	C.free(unsafe.Pointer(s))
}

func siteCString(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = C.GoString(C.text()), rec()
	}
}

func siteCallback(n int) {
	for i := 0; i < n; i++ {
		C.callBack()
	}
}
