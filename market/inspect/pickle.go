package inspect

import (
	"bytes"
	"encoding/binary"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// pickleEndings are names under which nothing but pickles is kept.
var pickleEndings = map[string]bool{".pkl": true, ".pickle": true, ".joblib": true, ".dill": true, ".pkl2": true, ".cloudpickle": true}

// pickled names what would be unpickled when it is loaded: Python's pickles of every protocol, and NumPy's arrays of objects.
func pickled(head []byte, size int64, name string) string {
	switch {
	case pickleEndings[strings.ToLower(path.Ext(name))]:
		return "a Python pickle by its name"
	case binaryPickle(head), textPickle(head):
		return "a Python pickle"
	case objectArray(head):
		return "a NumPy array of objects, which are pickled"
	case zlibStream(head) && binaryPickle(inflate(head)):
		return "a compressed Python pickle, as joblib writes them"
	}
	return ""
}

// binaryPickle knows protocols 2 to 5 by their beginning and by what follows: as many operations as there are to see, each
// one that there is (https://github.com/python/cpython/blob/main/Lib/pickletools.py).
func binaryPickle(b []byte) bool {
	if len(b) < 3 || b[0] != 0x80 || b[1] < 2 || b[1] > 5 {
		return false
	}
	_, _, ok := walkPickle(b[2:], 8)
	return ok
}

// textPickle knows protocols 0 and 1, which begin with nothing in particular: only what reaches its end by operations
// that fit, and names something to call on the way.
func textPickle(b []byte) bool {
	if len(b) < 4 || !strings.ContainsRune("(cildIFLSVNU}])JKM", rune(b[0])) {
		return false
	}
	ended, calls, ok := walkPickle(b, 1<<16)
	return ok && ended && calls
}

var (
	pickleNumber = regexp.MustCompile(`^-?[0-9]+L?$`)
	pickleName   = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_.]*$`)
)

// fixedArgs are the bytes behind operations with arguments of a fixed size, and countedArgs the bytes of the count before
// those of another size.
var (
	fixedArgs   = map[byte]int{0x80: 1, 0x82: 1, 0x83: 2, 0x84: 4, 0x95: 8, 'K': 1, 'M': 2, 'J': 4, 'G': 8, 'h': 1, 'j': 4, 'q': 1, 'r': 4}
	countedArgs = map[byte]int{0x8a: 1, 0x8b: 4, 'T': 4, 'U': 1, 'X': 4, 0x8c: 1, 0x8d: 8, 'B': 4, 'C': 1, 0x8e: 8, 0x96: 8}
)

const bareOps = "(.012NQRabdeost}u])l\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98"

// walkPickle follows at most n operations. It tells whether it came to the end, whether something is called, and whether
// every operation was one.
func walkPickle(b []byte, n int) (ended, calls, ok bool) {
	named := false
	for range n {
		if len(b) == 0 {
			return false, calls, true // there is more than was read
		}
		op := b[0]
		b = b[1:]
		switch {
		case op == '.':
			return true, calls, true
		case op == 'R' || op == 'b' || op == 'o' || op == 0x81 || op == 0x92:
			calls = calls || named
		case op == 0x93:
			named = true
		}
		if strings.IndexByte(bareOps, op) >= 0 {
			continue
		}
		if size, ok := fixedArgs[op]; ok {
			b = b[min(size, len(b)):]
			continue
		}
		if size, ok := countedArgs[op]; ok {
			var count [8]byte
			copy(count[:], b[:min(size, len(b))])
			b = b[min(size, len(b)):]
			b = b[min(binary.LittleEndian.Uint64(count[:]), uint64(len(b))):]
			continue
		}
		var fits bool
		if b, fits = pickleLine(op, b); !fits {
			return false, calls, false
		}
		if op == 'c' || op == 'i' {
			named, calls = true, calls || op == 'i'
		}
	}
	return false, calls, true
}

// pickleLine passes over the lines behind an operation of protocol 0, which must be what the operation takes.
func pickleLine(op byte, b []byte) (rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	text := strings.TrimSuffix(string(line), "\r")
	switch op {
	case 'c', 'i':
		second, rest, more := bytes.Cut(rest, []byte("\n"))
		return rest, ok && more && pickleName.MatchString(text) && pickleName.MatchString(strings.TrimSuffix(string(second), "\r"))
	case 'I', 'L', 'p', 'g':
		return rest, ok && pickleNumber.MatchString(text)
	case 'F':
		_, err := strconv.ParseFloat(text, 64)
		return rest, ok && err == nil
	case 'S':
		return rest, ok && len(text) >= 2 && (text[0] == '\'' || text[0] == '"') && text[len(text)-1] == text[0]
	case 'V', 'P':
		return rest, ok
	}
	return rest, false
}

// objectArray knows NumPy's files whose numbers are objects
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
func objectArray(b []byte) bool {
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("\x93NUMPY")) {
		return false
	}
	n, from := int(binary.LittleEndian.Uint16(b[8:])), 10
	if b[6] > 1 {
		n, from = int(binary.LittleEndian.Uint32(b[8:])), 12
	}
	header := b[from:min(len(b), from+min(n, len(b)))]
	_, descr, _ := bytes.Cut(header, []byte("descr"))
	descr, _, _ = bytes.Cut(descr, []byte("fortran_order"))
	return bytes.Contains(descr, []byte("|O")) || bytes.Contains(descr, []byte("'O'"))
}
