// SPDX-License-Identifier: GPL-2.0

package main

import "C"

import "unsafe"

// Called by C code, see cgo.go.
//
//export truthCallback
func truthCallback() {
	sinkP, _ = unsafe.Pointer(new(tCallback)), rec()
}
