package web

import (
	"bytes"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"

	"github.com/xiaoyu-slm/xiaoyu/data"
)

// declared finds an encoding that a page or feed names for itself.
var declared = regexp.MustCompile(`(?i)<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-z0-9_:-]+)|<\?xml[^>]{0,100}?encoding\s*=\s*["']([a-z0-9_:-]+)`)

// decode turns a body into UTF-8. What the bytes can be counts before what is said about them: valid UTF-8 is UTF-8, and
// where Chinese double bytes are found, a claim to be Western is not believed. Among what is possible the HTTP header
// decides, then the document's own word. It returns the name of the encoding.
func decode(body []byte, contentType string) (text []byte, name string) {
	sample := body[:min(len(body), 512<<10)]
	found := data.DetectEncoding(sample)
	var said []string
	if _, parameters, err := mime.ParseMediaType(contentType); err == nil && parameters["charset"] != "" {
		said = append(said, parameters["charset"])
	}
	if m := declared.FindSubmatch(body[:min(len(body), 4096)]); m != nil {
		said = append(said, string(m[1])+string(m[2]))
	}
	if found == "utf-8" || strings.HasPrefix(found, "utf-16") {
		said = nil
	}
	for _, label := range said {
		e, canonical := charset.Lookup(label)
		if e == nil || canonical == "utf-8" || canonical == "replacement" || found != "windows-1252" && western[canonical] {
			continue
		}
		if (canonical == "gbk" || canonical == "gb18030" || canonical == "big5") && found != "windows-1252" {
			continue // the characters themselves tell the two apart
		}
		if decoded, ok := decodeWith(e, body); ok {
			return decoded, canonical
		}
	}
	e, canonical := charset.Lookup(found)
	if found == "utf-8" || e == nil {
		return bytes.ToValidUTF8(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), []byte("\uFFFD")), "utf-8"
	}
	decoded, _ := decodeWith(e, body)
	return bytes.TrimPrefix(decoded, []byte("\ufeff")), canonical
}

// western are encodings of one byte in which nearly every sequence of bytes is text, by their names in the standard
// (https://encoding.spec.whatwg.org); Latin-1 is called windows-1252 there.
var western = map[string]bool{"windows-1252": true, "windows-1250": true, "iso-8859-2": true, "iso-8859-15": true, "macintosh": true}

// decodeWith decodes, and tells whether all but some stray bytes could be.
func decodeWith(e encoding.Encoding, body []byte) (text []byte, ok bool) {
	text, err := e.NewDecoder().Bytes(body)
	if err != nil {
		return text, false
	}
	return text, bytes.Count(text, []byte("\uFFFD")) <= 1+utf8.RuneCount(text)/1000
}
