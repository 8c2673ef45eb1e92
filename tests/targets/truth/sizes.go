// SPDX-License-Identifier: GPL-2.0

package main

import "unsafe"

// Every tiny size, the borders of size classes, of the malloc header and of large objects: bytes
// (no pointers) and pointers (scanned). One line each, since a line is what is told apart.
var sizeSites = []site{
	{name: "tiny 1", n: 131, each: 1, size: 1, typ: (*[1]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([1]byte)), rec()
		}
	}},
	{name: "tiny 2", n: 163, each: 1, size: 2, typ: (*[2]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([2]byte)), rec()
		}
	}},
	{name: "tiny 3", n: 191, each: 1, size: 3, typ: (*[3]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([3]byte)), rec()
		}
	}},
	{name: "tiny 4", n: 223, each: 1, size: 4, typ: (*[4]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4]byte)), rec()
		}
	}},
	{name: "tiny 5", n: 251, each: 1, size: 5, typ: (*[5]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([5]byte)), rec()
		}
	}},
	{name: "tiny 6", n: 281, each: 1, size: 6, typ: (*[6]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([6]byte)), rec()
		}
	}},
	{name: "tiny 7", n: 311, each: 1, size: 7, typ: (*[7]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([7]byte)), rec()
		}
	}},
	{name: "tiny 8", n: 347, each: 1, size: 8, typ: (*[8]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([8]byte)), rec()
		}
	}},
	{name: "tiny 9", n: 373, each: 1, size: 9, typ: (*[9]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([9]byte)), rec()
		}
	}},
	{name: "tiny 10", n: 401, each: 1, size: 10, typ: (*[10]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([10]byte)), rec()
		}
	}},
	{name: "tiny 11", n: 431, each: 1, size: 11, typ: (*[11]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([11]byte)), rec()
		}
	}},
	{name: "tiny 12", n: 461, each: 1, size: 12, typ: (*[12]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([12]byte)), rec()
		}
	}},
	{name: "tiny 13", n: 491, each: 1, size: 13, typ: (*[13]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([13]byte)), rec()
		}
	}},
	{name: "tiny 14", n: 521, each: 1, size: 14, typ: (*[14]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([14]byte)), rec()
		}
	}},
	{name: "tiny 15", n: 557, each: 1, size: 15, typ: (*[15]byte)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([15]byte)), rec()
		}
	}},
	{name: "bytes 16", n: 307, each: 1, size: 16, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 16), rec()
		}
	}},
	{name: "bytes 17", n: 313, each: 1, size: 17, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 17), rec()
		}
	}},
	{name: "bytes 24", n: 317, each: 1, size: 24, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 24), rec()
		}
	}},
	{name: "bytes 25", n: 331, each: 1, size: 25, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 25), rec()
		}
	}},
	{name: "bytes 32", n: 337, each: 1, size: 32, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32), rec()
		}
	}},
	{name: "bytes 48", n: 349, each: 1, size: 48, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 48), rec()
		}
	}},
	{name: "bytes 49", n: 353, each: 1, size: 49, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 49), rec()
		}
	}},
	{name: "bytes 64", n: 359, each: 1, size: 64, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 64), rec()
		}
	}},
	{name: "bytes 80", n: 367, each: 1, size: 80, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 80), rec()
		}
	}},
	{name: "bytes 81", n: 379, each: 1, size: 81, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 81), rec()
		}
	}},
	{name: "bytes 96", n: 383, each: 1, size: 96, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 96), rec()
		}
	}},
	{name: "bytes 112", n: 389, each: 1, size: 112, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 112), rec()
		}
	}},
	{name: "bytes 113", n: 397, each: 1, size: 113, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 113), rec()
		}
	}},
	{name: "bytes 128", n: 409, each: 1, size: 128, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 128), rec()
		}
	}},
	{name: "bytes 129", n: 419, each: 1, size: 129, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 129), rec()
		}
	}},
	{name: "bytes 144", n: 421, each: 1, size: 144, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 144), rec()
		}
	}},
	{name: "bytes 256", n: 433, each: 1, size: 256, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 256), rec()
		}
	}},
	{name: "bytes 257", n: 439, each: 1, size: 257, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 257), rec()
		}
	}},
	{name: "bytes 512", n: 443, each: 1, size: 512, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 512), rec()
		}
	}},
	{name: "bytes 513", n: 449, each: 1, size: 513, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 513), rec()
		}
	}},
	{name: "bytes 520", n: 457, each: 1, size: 520, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 520), rec()
		}
	}},
	{name: "bytes 521", n: 463, each: 1, size: 521, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 521), rec()
		}
	}},
	{name: "bytes 1024", n: 467, each: 1, size: 1024, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 1024), rec()
		}
	}},
	{name: "bytes 1025", n: 479, each: 1, size: 1025, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 1025), rec()
		}
	}},
	{name: "bytes 1152", n: 487, each: 1, size: 1152, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 1152), rec()
		}
	}},
	{name: "bytes 8192", n: 101, each: 1, size: 8192, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 8192), rec()
		}
	}},
	{name: "bytes 8193", n: 103, each: 1, size: 8193, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 8193), rec()
		}
	}},
	{name: "bytes 9472", n: 31, each: 1, size: 9472, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 9472), rec()
		}
	}},
	{name: "bytes 16384", n: 37, each: 1, size: 16384, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 16384), rec()
		}
	}},
	{name: "bytes 24576", n: 41, each: 1, size: 24576, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 24576), rec()
		}
	}},
	{name: "bytes 27264", n: 43, each: 1, size: 27264, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 27264), rec()
		}
	}},
	{name: "bytes 27265", n: 47, each: 1, size: 27265, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 27265), rec()
		}
	}},
	{name: "bytes 28672", n: 53, each: 1, size: 28672, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 28672), rec()
		}
	}},
	{name: "bytes 28673", n: 59, each: 1, size: 28673, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 28673), rec()
		}
	}},
	{name: "bytes 32752", n: 61, each: 1, size: 32752, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32752), rec()
		}
	}},
	{name: "bytes 32753", n: 67, each: 1, size: 32753, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32753), rec()
		}
	}},
	{name: "bytes 32760", n: 71, each: 1, size: 32760, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32760), rec()
		}
	}},
	{name: "bytes 32761", n: 73, each: 1, size: 32761, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32761), rec()
		}
	}},
	{name: "bytes 32768", n: 79, each: 1, size: 32768, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32768), rec()
		}
	}},
	{name: "bytes 32769", n: 83, each: 1, size: 32769, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 32769), rec()
		}
	}},
	{name: "bytes 40961", n: 7, each: 1, size: 40961, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 40961), rec()
		}
	}},
	{name: "bytes 65537", n: 11, each: 1, size: 65537, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 65537), rec()
		}
	}},
	{name: "bytes 1048576", n: 13, each: 1, size: 1048576, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 1048576), rec()
		}
	}},
	{name: "bytes 1048577", n: 17, each: 1, size: 1048577, typ: (*byte)(nil), via: "makeslice", run: func(n int) {
		for ; n > 0; n-- {
			sinkB, _ = make([]byte, 1048577), rec()
		}
	}},
	{name: "pointers 8", n: 499, each: 1, size: 8, typ: (*[1]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([1]*int)), rec()
		}
	}},
	{name: "pointers 16", n: 503, each: 1, size: 16, typ: (*[2]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([2]*int)), rec()
		}
	}},
	{name: "pointers 32", n: 509, each: 1, size: 32, typ: (*[4]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4]*int)), rec()
		}
	}},
	{name: "pointers 48", n: 523, each: 1, size: 48, typ: (*[6]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([6]*int)), rec()
		}
	}},
	{name: "pointers 64", n: 541, each: 1, size: 64, typ: (*[8]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([8]*int)), rec()
		}
	}},
	{name: "pointers 72", n: 547, each: 1, size: 72, typ: (*[9]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([9]*int)), rec()
		}
	}},
	{name: "pointers 80", n: 563, each: 1, size: 80, typ: (*[10]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([10]*int)), rec()
		}
	}},
	{name: "pointers 88", n: 569, each: 1, size: 88, typ: (*[11]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([11]*int)), rec()
		}
	}},
	{name: "pointers 96", n: 571, each: 1, size: 96, typ: (*[12]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([12]*int)), rec()
		}
	}},
	{name: "pointers 256", n: 577, each: 1, size: 256, typ: (*[32]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([32]*int)), rec()
		}
	}},
	{name: "pointers 504", n: 587, each: 1, size: 504, typ: (*[63]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([63]*int)), rec()
		}
	}},
	{name: "pointers 512", n: 593, each: 1, size: 512, typ: (*[64]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([64]*int)), rec()
		}
	}},
	{name: "pointers 520", n: 599, each: 1, size: 520, typ: (*[65]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([65]*int)), rec()
		}
	}},
	{name: "pointers 528", n: 601, each: 1, size: 528, typ: (*[66]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([66]*int)), rec()
		}
	}},
	{name: "pointers 600", n: 607, each: 1, size: 600, typ: (*[75]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([75]*int)), rec()
		}
	}},
	{name: "pointers 1016", n: 613, each: 1, size: 1016, typ: (*[127]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([127]*int)), rec()
		}
	}},
	{name: "pointers 1024", n: 617, each: 1, size: 1024, typ: (*[128]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([128]*int)), rec()
		}
	}},
	{name: "pointers 1032", n: 619, each: 1, size: 1032, typ: (*[129]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([129]*int)), rec()
		}
	}},
	{name: "pointers 8184", n: 107, each: 1, size: 8184, typ: (*[1023]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([1023]*int)), rec()
		}
	}},
	{name: "pointers 8192", n: 109, each: 1, size: 8192, typ: (*[1024]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([1024]*int)), rec()
		}
	}},
	{name: "pointers 8200", n: 113, each: 1, size: 8200, typ: (*[1025]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([1025]*int)), rec()
		}
	}},
	{name: "pointers 28664", n: 89, each: 1, size: 28664, typ: (*[3583]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([3583]*int)), rec()
		}
	}},
	{name: "pointers 28672", n: 97, each: 1, size: 28672, typ: (*[3584]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([3584]*int)), rec()
		}
	}},
	{name: "pointers 28680", n: 127, each: 1, size: 28680, typ: (*[3585]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([3585]*int)), rec()
		}
	}},
	{name: "pointers 32744", n: 137, each: 1, size: 32744, typ: (*[4093]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4093]*int)), rec()
		}
	}},
	{name: "pointers 32752", n: 139, each: 1, size: 32752, typ: (*[4094]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4094]*int)), rec()
		}
	}},
	{name: "pointers 32760", n: 149, each: 1, size: 32760, typ: (*[4095]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4095]*int)), rec()
		}
	}},
	{name: "pointers 32768", n: 151, each: 1, size: 32768, typ: (*[4096]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4096]*int)), rec()
		}
	}},
	{name: "pointers 32776", n: 157, each: 1, size: 32776, typ: (*[4097]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([4097]*int)), rec()
		}
	}},
	{name: "pointers 65536", n: 19, each: 1, size: 65536, typ: (*[8192]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([8192]*int)), rec()
		}
	}},
	{name: "pointers 1048576", n: 23, each: 1, size: 1048576, typ: (*[131072]*int)(nil), via: "newobject", run: func(n int) {
		for ; n > 0; n-- {
			sinkP, _ = unsafe.Pointer(new([131072]*int)), rec()
		}
	}},
}
