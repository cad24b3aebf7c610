//go:build !slim

package text

import (
	_ "unsafe" // for go:linkname

	_ "github.com/go-ego/gse" // the dictionary
)

// simplifiedDictionary is gse's dictionary of simplified Chinese. gse hands it out only through a method that names
// its Japanese and traditional dictionaries as well, which would put 33 MB more into every binary.
//
//go:linkname simplifiedDictionary github.com/go-ego/gse.zhS
var simplifiedDictionary string
