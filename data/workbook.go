package data

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// workbook is what the sheets of a spreadsheet share.
type workbook struct {
	files   map[string]*zip.File
	sheets  []sheetName
	strings []string
	dates   []dateKind // by number of a cell's style
	epoch   time.Time  // of day 0
}

type sheetName struct {
	Name   string `xml:"name,attr"`
	State  string `xml:"state,attr"`
	ID     string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
	Strict string `xml:"http://purl.oclc.org/ooxml/officeDocument/relationships id,attr"`
	target string
}

// dateKind says how a number format shows a number.
type dateKind uint8

const (
	plainNumber dateKind = iota
	dateNumber           // a date, a time, or both
	elapsed              // hours beyond 24
)

type relations struct {
	List []struct {
		ID     string `xml:"Id,attr"`
		Type   string `xml:"Type,attr"`
		Target string `xml:"Target,attr"`
	} `xml:"Relationship"`
}

// ending returns the target of the first relation of a type.
func (r *relations) ending(kind string) string {
	for _, l := range r.List {
		if strings.HasSuffix(l.Type, kind) {
			return l.Target
		}
	}
	return ""
}

func openWorkbook(z *zip.Reader) (*workbook, error) {
	b := &workbook{files: map[string]*zip.File{}}
	for _, f := range z.File {
		b.files[f.Name] = f
	}
	main := "xl/workbook.xml"
	var rels relations
	if b.files["_rels/.rels"] != nil {
		if err := b.decode("_rels/.rels", &rels); err != nil {
			return nil, err
		}
		if to := rels.ending("/officeDocument"); to != "" {
			main = target("", to)
		}
	}
	if b.files[main] == nil {
		return nil, errors.New("it is an Office file, but no spreadsheet")
	}
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []sheetName `xml:"sheets>sheet"`
	}
	if err := b.decode(main, &book); err != nil {
		return nil, err
	}
	b.epoch = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if v := book.Properties.Date1904; v == "1" || v == "true" {
		b.epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rels = relations{}
	dir, base := main[:strings.LastIndexByte(main, '/')+1], main[strings.LastIndexByte(main, '/')+1:]
	if err := b.decode(dir+"_rels/"+base+".rels", &rels); err != nil {
		return nil, err
	}
	for _, s := range book.Sheets {
		for _, l := range rels.List {
			if (l.ID == s.ID || l.ID == s.Strict) && strings.HasSuffix(l.Type, "/worksheet") {
				s.target = target(main, l.Target)
				b.sheets = append(b.sheets, s)
			}
		}
	}
	if to := rels.ending("/styles"); to != "" && b.files[target(main, to)] != nil {
		if err := b.readStyles(target(main, to)); err != nil {
			return nil, err
		}
	}
	if to := rels.ending("/sharedStrings"); to != "" && b.files[target(main, to)] != nil {
		return b, b.readStrings(target(main, to))
	}
	return b, nil
}

func (b *workbook) file(name string) (*zip.File, error) {
	f := b.files[name]
	if f == nil {
		return nil, fmt.Errorf("the part %s is missing", name)
	}
	return f, nil
}

// open unpacks a part.
func (b *workbook) open(name string) (io.ReadCloser, error) {
	f, err := b.file(name)
	if err != nil {
		return nil, err
	}
	return unpack(f)
}

// decode reads a small part whole.
func (b *workbook) decode(name string, to any) error {
	in, err := b.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := xml.NewDecoder(&budget{r: in, left: maxRecord}).Decode(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readStyles finds out which styles of cells show dates.
func (b *workbook) readStyles(name string) error {
	var styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := b.decode(name, &styles); err != nil {
		return err
	}
	codes := map[int]string{}
	for _, f := range styles.Formats {
		codes[f.ID] = f.Code
	}
	for _, c := range styles.Cells {
		kind := plainNumber
		if code, ok := codes[c.Format]; ok {
			kind = formatKind(code)
		} else if f := c.Format; f >= 14 && f <= 22 || f >= 27 && f <= 36 || f == 45 || f == 47 || f >= 50 && f <= 58 {
			kind = dateNumber // built in: section 18.8.30, with those of Chinese and Japanese Excel
		} else if f == 46 {
			kind = elapsed
		}
		b.dates = append(b.dates, kind)
	}
	return nil
}

// literals are the parts of a number format that are shown as they stand.
var literals = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.`)

// brackets hold colours, conditions, currencies, and the units of elapsed time.
var brackets = regexp.MustCompile(`\[[^\]]*\]`)

// formatKind tells whether a number format is one of dates: section 18.8.31.
func formatKind(code string) dateKind {
	code, _, _ = strings.Cut(strings.ToLower(literals.ReplaceAllString(code, "")), ";")
	for _, b := range brackets.FindAllString(code, -1) {
		if unit := strings.Trim(b, "[]"); unit != "" && (strings.Trim(unit, "h") == "" || strings.Trim(unit, "m") == "" || strings.Trim(unit, "s") == "") {
			return elapsed
		}
	}
	code = brackets.ReplaceAllString(code, "")
	if strings.ContainsAny(code, "ymdhs") && !strings.Contains(code, "general") {
		return dateNumber
	}
	return plainNumber
}

// number shows the stored number v as its style says.
func (b *workbook) number(v string, style int) string {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return v
	}
	kind := plainNumber
	if style >= 0 && style < len(b.dates) {
		kind = b.dates[style]
	}
	if kind != plainNumber && n >= 0 && n < 2_958_466 { // up to the end of the year 9999
		return b.date(n, kind)
	}
	// Excel computes with 15 digits; what is stored beyond is noise.
	if rounded, err := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 15, 64), 64); err == nil {
		n = rounded
	}
	if math.Abs(n) < 1e21 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

// date shows a number of days since the epoch as ISO 8601.
func (b *workbook) date(n float64, kind dateKind) string {
	seconds := int64(math.Round(n * 86400))
	if kind == elapsed {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	if seconds < 86400 && b.epoch.Year() == 1899 {
		return b.epoch.Add(time.Duration(seconds) * time.Second).Format("15:04:05")
	}
	at := b.epoch
	if b.epoch.Year() == 1899 && n < 60 {
		at = at.AddDate(0, 0, 1) // Excel believes in a 29 February 1900
	}
	at = at.AddDate(0, 0, int(seconds/86400)).Add(time.Duration(seconds%86400) * time.Second)
	if seconds%86400 == 0 {
		return at.Format(time.DateOnly)
	}
	return at.Format("2006-01-02T15:04:05")
}

// richText is a string item: plain, or runs of different looks. Phonetic guides (rPh) are left out.
type richText struct {
	Plain []string `xml:"t"`
	Runs  []string `xml:"r>t"`
}

func (t *richText) text() string {
	return unescape(strings.Join(t.Plain, "") + strings.Join(t.Runs, ""))
}

// escaped are characters that XML cannot hold: _x000D_ for a carriage return.
var escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	return escaped.ReplaceAllStringFunc(s, func(code string) string {
		n, err := strconv.ParseUint(code[2:6], 16, 16)
		if err != nil {
			return code
		}
		return string(rune(n))
	})
}

// readStrings reads the table of strings that cells refer to.
func (b *workbook) readStrings(name string) error {
	in, err := b.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	limit := &budget{r: in}
	d := xml.NewDecoder(limit)
	for size := 0; ; {
		limit.left = maxRecord
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "si" {
			continue
		}
		var t richText
		if err := d.DecodeElement(&t, &start); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.strings = append(b.strings, t.text())
		if size += len(b.strings[len(b.strings)-1]) + 16; size > maxStrings {
			return fmt.Errorf("%s has more than %d MB of text", name, maxStrings>>20)
		}
	}
}
