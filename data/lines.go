package data

import (
	"bufio"
	"io"
)

// lines reads line by line and counts.
type lines struct {
	r    *Reader
	line int // of the last line read, from 1
	buf  []byte
}

// readLine returns the next line without its end; it is overwritten by the next call.
func (l *lines) readLine() ([]byte, error) {
	l.buf = l.buf[:0]
	l.line++
	for {
		part, err := l.r.in.ReadSlice('\n')
		if len(l.buf)+len(part) > maxRecord {
			return nil, l.r.tooLong(l.line)
		}
		if err == nil && len(l.buf) == 0 {
			return part, nil
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(l.buf) > 0, err == nil:
			return l.buf, nil
		case err == io.EOF:
			return nil, io.EOF
		default:
			return nil, l.r.readError(err)
		}
	}
}
