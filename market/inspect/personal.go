package inspect

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/xiaoyu-slm/xiaoyu/internal/parquet"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// sampled tells which files hold samples of data: all tables and texts of a data set, and tables anywhere.
func sampled(kind pack.Kind, name string) bool {
	base := strings.ToLower(path.Base(name))
	ending := path.Ext(base)
	if ending == ".gz" || ending == ".zst" {
		ending = path.Ext(strings.TrimSuffix(base, ending))
	}
	switch ending {
	case ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet":
		return true
	case ".txt", ".json", ".conll", ".xml", "":
		return kind == pack.Dataset
	}
	return false
}

// kinds of personal data, in the order in which they are told.
var personalKinds = []struct{ name, one, many string }{
	{"email", "e-mail address", "e-mail addresses"},
	{"phone", "telephone number", "telephone numbers"},
	{"identity", "Chinese identity number", "Chinese identity numbers"},
	{"card", "bank card number", "bank card numbers"},
	{"ip", "IP address", "IP addresses"},
}

// places is where something was found: how often, and in which rows first.
type places struct {
	n    int
	rows []int
}

func (p *places) add(row int) {
	p.n++
	if len(p.rows) < 3 && (len(p.rows) == 0 || p.rows[len(p.rows)-1] != row) {
		p.rows = append(p.rows, row)
	}
}

// personal searches the first bytes of a file for personal data, and tells what there is and where, never what it says.
func personal(s *source, name string, most int64) ([]Finding, error) {
	found := map[string]*places{}
	for _, k := range personalKinds {
		found[k.name] = &places{}
	}
	if strings.HasSuffix(strings.ToLower(name), ".parquet") {
		scanParquet(s, most, found)
	} else if err := scanLines(s, most, found); err != nil {
		return nil, err
	}
	var all []Finding
	for _, k := range personalKinds {
		p := found[k.name]
		if p.n == 0 {
			continue
		}
		what := k.many
		if p.n == 1 {
			what = k.one
		}
		rows := make([]string, len(p.rows))
		for i, r := range p.rows {
			rows[i] = strconv.Itoa(r)
		}
		where := "line " + rows[0]
		if len(rows) > 1 {
			where = "lines " + strings.Join(rows, ", ")
		}
		if p.n > len(rows) {
			where += " and more"
		}
		all = append(all, Finding{Severity: Warned, Rule: "personal", Message: fmt.Sprintf("%d %s (%s)", p.n, what, where), Way: "mask or remove them unless their owners have agreed, and say so in the card"})
	}
	return all, nil
}

// longestLine is how much of a line is searched, in bytes.
const longestLine = 64 << 10

func scanLines(s *source, most int64, found map[string]*places) error {
	head, err := s.head(16)
	if err != nil {
		return err
	}
	r := s.stream()
	switch compression(head) {
	case "gzip":
		if r, err = gzip.NewReader(r); err != nil {
			return nil // told already
		}
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil
		}
		defer d.Close()
		r = d
	}
	b := bufio.NewReaderSize(io.LimitReader(r, most), longestLine)
	for row := 1; ; {
		line, err := b.ReadSlice('\n')
		if row == 1 && !readable(line) {
			return nil
		}
		searchLine(line, row, found)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil // the end, or broken, which was told already
		default:
			row++
		}
	}
}

func scanParquet(s *source, most int64, found map[string]*places) {
	f, err := parquet.Open(s, s.size)
	if err != nil {
		return
	}
	var columns []int
	for i := range f.Names() {
		columns = append(columns, i)
	}
	scan := f.Scan(columns...)
	for row, read := 1, int64(0); read < most; row++ {
		values, err := scan.Next()
		if err != nil {
			return
		}
		for _, column := range values {
			for _, v := range column {
				read += int64(len(v.Text)) + 1
				searchLine([]byte(v.Text), row, found)
			}
		}
		read++
	}
}

var (
	emailPattern  = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24})\b`)
	digitsPattern = regexp.MustCompile(`\+?[0-9](?:[ -]?[0-9]){6,22}[Xx]?`)
	ip4Pattern    = regexp.MustCompile(`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b`)
	ip6Pattern    = regexp.MustCompile(`(?i)\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}`)
)

// searchLine looks for all kinds in a line.
func searchLine(line []byte, row int, found map[string]*places) {
	if bytes.IndexByte(line, '@') >= 0 {
		for _, m := range emailPattern.FindAllSubmatch(line, -1) {
			if !reserved(string(m[1])) {
				found["email"].add(row)
			}
		}
	}
	digits, dots, colons := 0, 0, 0
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			dots++
		case c == ':':
			colons++
		}
	}
	if digits >= 4 && dots >= 3 {
		for _, at := range ip4Pattern.FindAllIndex(line, -1) {
			if a, err := netip.ParseAddr(string(line[at[0]:at[1]])); err == nil && !followed(line, at) && public(a) {
				found["ip"].add(row)
			}
		}
	}
	if colons >= 2 && digits > 0 {
		for _, m := range ip6Pattern.FindAll(line, -1) {
			if a, err := netip.ParseAddr(string(m)); err == nil && public(a) {
				found["ip"].add(row)
			}
		}
	}
	if digits >= 11 {
		for _, at := range digitsPattern.FindAllIndex(line, -1) {
			if kind := number(line, at); kind != "" {
				found[kind].add(row)
			}
		}
	}
}

// followed tells a longer number with dots, such as a version, from an address.
func followed(line []byte, at []int) bool {
	before := at[0] > 0 && (line[at[0]-1] == '.' || line[at[0]-1] == 'v')
	after := at[1]+1 < len(line) && line[at[1]] == '.' && line[at[1]+1] >= '0' && line[at[1]+1] <= '9'
	return before || after
}

// number tells of what kind a run of digits is; "" for none.
func number(line []byte, at []int) string {
	if at[0] > 0 && (letter(line[at[0]-1]) || line[at[0]-1] == '.') || at[1] < len(line) && (letter(line[at[1]]) || line[at[1]] == '.' && at[1]+1 < len(line) && line[at[1]+1] >= '0' && line[at[1]+1] <= '9') {
		return "" // part of a name or of a number with a fraction
	}
	text := strings.NewReplacer(" ", "", "-", "").Replace(string(line[at[0]:at[1]]))
	plain := strings.TrimRight(text, "Xx")
	switch {
	case identity(text):
		return "identity"
	case phone(plain):
		return "phone"
	case strings.HasPrefix(text, "+") || plain != text:
		return ""
	case bankCard(plain):
		return "card"
	}
	return ""
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// identity checks a Chinese citizen's number: a region, a birthday, three digits, and a check digit modulo 11
// (GB 11643-1999).
func identity(s string) bool {
	if len(s) != 18 || s[0] < '1' || s[0] > '8' {
		return false
	}
	if born, err := time.Parse("20060102", s[6:14]); err != nil || born.Year() < 1880 || born.After(time.Now()) {
		return false
	}
	sum := 0
	for i, weight := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		sum += int(s[i]-'0') * weight
	}
	return strings.ToUpper(s[17:]) == "10X98765432"[sum%11:sum%11+1]
}

// phone knows Chinese mobile numbers, with or without the country's code, and others that begin with a plus.
func phone(s string) bool {
	if rest, ok := strings.CutPrefix(s, "+86"); ok {
		s = rest
	} else if strings.HasPrefix(s, "+") {
		return len(s) >= 9 && len(s) <= 16 && s[1] != '0'
	} else if len(s) == 13 && strings.HasPrefix(s, "86") {
		s = s[2:]
	}
	return len(s) == 11 && s[0] == '1' && s[1] >= '3'
}

// bankCard checks the beginnings that cards have (ISO/IEC 7812), and the check digit by Luhn.
func bankCard(s string) bool {
	if len(s) < 15 || len(s) > 19 || s[0] < '2' || s[0] > '6' || strings.Count(s, s[:1]) == len(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// reserved tells domains that stand for none (RFC 2606).
func reserved(domain string) bool {
	domain = "." + strings.ToLower(domain)
	for _, end := range []string{".example", ".test", ".invalid", ".localhost", ".example.com", ".example.org", ".example.net"} {
		if strings.HasSuffix(domain, end) {
			return true
		}
	}
	return false
}

// documentation are addresses that stand for none (RFC 5737, RFC 3849).
var documentation = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4")}

// public tells an address of somebody from those of no one in particular.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range documentation {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
