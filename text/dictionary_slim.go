//go:build slim

package text

// simplifiedDictionary is empty in programs that only run models, which need no dictionary: it would be half of them.
var simplifiedDictionary string
