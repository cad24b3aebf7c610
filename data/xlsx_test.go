package data

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// spreadsheet returns the parts of a workbook whose sheets have the given XML as rows, and behind them.
func spreadsheet(rows, behind string) map[string]string {
	const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	const sml = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="` + office + `"`
	return map[string]string{
		"[Content_Types].xml": `<Types/>`,
		"_rels/.rels":         `<Relationships><Relationship Id="r" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":     `<workbook ` + sml + `><sheets><sheet name="old" sheetId="2" state="hidden" r:id="rId2"/><sheet name="数据" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships>` +
			`<Relationship Id="rId1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + office + `/worksheet" Target="/xl/worksheets/sheet2.xml"/>` +
			`<Relationship Id="rId3" Type="` + office + `/styles" Target="styles.xml"/>` +
			`<Relationship Id="rId4" Type="` + office + `/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/styles.xml": `<styleSheet ` + sml + `><numFmts><numFmt numFmtId="170" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/><numFmt numFmtId="171" formatCode="[Red]0.00&quot; days&quot;"/></numFmts>` +
			`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/><xf numFmtId="46"/></cellXfs></styleSheet>`,
		"xl/sharedStrings.xml":     `<sst ` + sml + `><si><t>text</t></si><si><t>label</t></si><si><r><t>很</t></r><r><t xml:space="preserve">好 </t></r><rPh><t>hěn</t></rPh></si><si><t>a_x000A_b</t></si></sst>`,
		"xl/worksheets/sheet1.xml": `<worksheet ` + sml + `><sheetData>` + rows + `</sheetData>` + behind + `</worksheet>`,
		"xl/worksheets/sheet2.xml": `<worksheet ` + sml + `><sheetData><row><c t="inlineStr"><is><t>text</t></is></c><c t="inlineStr"><is><t>label</t></is></c></row><row><c t="str"><v>old</v></c><c><v>0</v></c></row></sheetData></worksheet>`,
	}
}

const headerRow = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>`

func TestReadSpreadsheets(t *testing.T) {
	row := func(n int, cells string) string { return fmt.Sprintf(`<row r="%d">%s</row>`, n, cells) }
	inline := func(ref, text string) string {
		return fmt.Sprintf(`<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, ref, text)
	}
	for _, c := range []struct{ name, rows, behind, want string }{
		{"strings, shared, rich, escaped", headerRow + row(2, `<c r="A2" t="s"><v>2</v></c><c r="B2"><v>1</v></c>`) + row(3, `<c r="A3" t="s"><v>3</v></c>`), "", "2:很好 =1 / 3:a\nb="},
		{"numbers", headerRow + row(2, inline("A2", "a")+`<c r="B2"><v>0.30000000000000004</v></c>`) + row(3, inline("A3", "b")+`<c r="B3"><v>1E+3</v></c>`), "", "2:a=0.3 / 3:b=1000"},
		{"dates", headerRow + row(2, inline("A2", "a")+`<c r="B2" s="1"><v>43510</v></c>`) + row(3, inline("A3", "b")+`<c r="B3" s="2"><v>43510.75</v></c>`) + row(4, inline("A4", "c")+`<c r="B4" s="1"><v>0.5</v></c>`) + row(5, inline("A5", "d")+`<c r="B5" s="1"><v>1</v></c>`),
			"", "2:a=2019-02-14 / 3:b=2019-02-14T18:00:00 / 4:c=12:00:00 / 5:d=1900-01-01"},
		{"no dates, and hours", headerRow + row(2, inline("A2", "a")+`<c r="B2" s="3"><v>7</v></c>`) + row(3, inline("A3", "b")+`<c r="B3" s="4"><v>1.5</v></c>`), "", "2:a=7 / 3:b=36:00:00"},
		{"truth values", headerRow + row(2, inline("A2", "a")+`<c r="B2" t="b"><v>1</v></c>`) + row(3, inline("A3", "b")+`<c r="B3" t="b"><v>0</v></c>`), "", "2:a=true / 3:b=false"},
		{"formulas with their results", headerRow + row(2, `<c r="A2" t="str"><f>B2&amp;"x"</f><v>1x</v></c><c r="B2"><f>1</f><v>1</v></c>`), "", "2:1x=1"},
		{"rows that are empty or absent", headerRow + `<row r="2"/>` + row(5, inline("A5", "a")+`<c r="B5"><v>1</v></c>`) + row(6, `<c r="A6"/><c r="B6" t="inlineStr"><is><t> </t></is></c>`), "", "5:a=1"},
		{"cells without names", `<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row><row><c t="s"><v>2</v></c><c><v>2</v></c></row>`, "", "2:很好 =2"},
		{"merged downwards", headerRow + row(2, inline("A2", "a")+`<c r="B2"><v>1</v></c>`) + row(3, inline("A3", "b")) + row(4, inline("A4", "c")+`<c r="B4"/>`) + row(5, inline("A5", "d")),
			`<mergeCells count="1"><mergeCell ref="B2:B4"/></mergeCells>`, "2:a=1 / 3:b=1 / 4:c=1 / 5:d="},
		{"merged to the side", headerRow + row(2, inline("A2", "a")), `<mergeCells><mergeCell ref="A2:B2"/></mergeCells>`, "2:a="},
		{"a title above the table", row(1, inline("A1", "报告")) + row(3, inline("B3", "label")+inline("C3", "text")) + row(4, `<c r="B4"><v>1</v></c>`+inline("C4", "a")), `<mergeCells><mergeCell ref="A1:C1"/></mergeCells>`, "4:a=1"},
		{"errors", headerRow + row(2, inline("A2", "a")+`<c r="B2" t="e"><v>#N/A</v></c>`), "", "2:a="},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, write(t, "x.xlsx", zipped(t, spreadsheet(c.rows, c.behind))), columns())
			if err != nil || summary(got) != c.want {
				t.Errorf("got %q (%v; %s), want %q", summary(got), err, hint.Way(err), c.want)
			}
		})
	}
}

func TestSheetsAreChosen(t *testing.T) {
	path := write(t, "x.xlsx", zipped(t, spreadsheet(headerRow+`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="e"><v>#REF!</v></c></row>`, "")))
	for part, want := range map[string]string{"": "2:很好 =", "old": "2:old=0", "1": "2:old=0", "2": "2:很好 =", "数据": "2:很好 ="} {
		cols := columns()
		cols.Part = part
		if got, err := read(t, path, cols); err != nil || summary(got) != want {
			t.Errorf("part %q: %q, %v", part, summary(got), err)
		}
	}
	r, err := Open(context.Background(), path, columns())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range r.All() {
	}
	notes := strings.Join(r.Notes(), "\n")
	if !strings.Contains(notes, `sheet "数据" is read`) || !strings.Contains(notes, "1 cells hold an error") || r.Format() != "xlsx" || r.Place(2) != "row 2" {
		t.Errorf("%s, %s, notes %s", r.Format(), r.Place(2), notes)
	}
}

func TestBadSpreadsheetsAreExplained(t *testing.T) {
	changed := func(part, content string) []byte {
		files := spreadsheet(headerRow+`<row r="2"><c r="A2" t="s"><v>2</v></c></row>`, "")
		if content == "" {
			delete(files, part)
		} else {
			files[part] = content
		}
		return zipped(t, files)
	}
	sheet := func(rows string) []byte { return zipped(t, spreadsheet(rows, "")) }
	whole := sheet(headerRow)
	for _, c := range []struct {
		name, message, way string
		content            []byte
		change             func(*Columns)
	}{
		{"wrong column", `no column "text"`, "alpha", sheet(`<row r="1"><c t="inlineStr"><is><t>alpha</t></is></c></row>`), nil},
		{"wrong sheet", `no sheet "x"`, "old, 数据", whole, func(c *Columns) { c.Part = "x" }},
		{"a formula without a result", "formula in cell B2", "stores the results", sheet(headerRow + `<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><f>A1</f></c></row>`), nil},
		{"a string that is not there", "shared string", "save it again", sheet(headerRow + `<row r="2"><c r="A2" t="s"><v>99</v></c></row>`), nil},
		{"cells in disorder", "row 2", "save it again", sheet(headerRow + `<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>`), nil},
		{"rows in disorder", "after row 1", "save it again", sheet(headerRow + `<row r="1"><c r="A1"><v>1</v></c></row>`), nil},
		{"a column far out", "row 2", "save it again", sheet(headerRow + `<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>`), nil},
		{"an empty sheet", "empty", "header", sheet(""), nil},
		{"XML that ends early", "row 2", "save it again", changed("xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+headerRow+`<row r="2"><c>`), nil},
		{"no workbook", "no spreadsheet", "save it again", changed("xl/workbook.xml", ""), nil},
		{"no sheet", "missing", "save it again", changed("xl/worksheets/sheet1.xml", ""), nil},
		{"a bomb of strings", "250 times", "do not trust", changed("xl/sharedStrings.xml", "<sst>"+strings.Repeat(" ", 32<<20)), nil},
		{"cut off", "not a valid zip file", "get it again", whole[:len(whole)-30], nil},
		{"an old Excel file", "old Excel file", ".xlsx", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1and so on"), nil},
		{"no spreadsheet at all", "it is no XLSX file", "auto", []byte("text,label\n"), func(c *Columns) { c.Format = "xlsx" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cols := columns()
			if c.change != nil {
				c.change(&cols)
			}
			_, err := read(t, write(t, "x.xlsx", c.content), cols)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.message) || !strings.Contains(hint.Way(err), c.way) {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
		})
	}
}

func TestNumberFormatsOfDates(t *testing.T) {
	for code, want := range map[string]dateKind{
		"General": plainNumber, "0.00E+00": plainNumber, `0" days"`: plainNumber, "[Red]0": plainNumber, "#,##0.00_);[Red](#,##0.00)": plainNumber,
		"yyyy-mm-dd": dateNumber, "m/d/yy h:mm": dateNumber, "[$-804]yyyy年m月d日": dateNumber, "h:mm AM/PM": dateNumber, "[h]:mm:ss": elapsed, "[mm]:ss": elapsed,
	} {
		if got := formatKind(code); got != want {
			t.Errorf("%q is %d, want %d", code, got, want)
		}
	}
	b := workbook{epoch: time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC), dates: []dateKind{dateNumber}}
	if got := b.number("1", 0); got != "1904-01-02" {
		t.Errorf("day 1 of the other epoch is %s", got)
	}
}

func TestARealSpreadsheetIsRead(t *testing.T) {
	cols := columns()
	cols.Text, cols.Label, cols.Time = "标题", "正/负面", "日期"
	got, err := read(t, golden.Path(t, "data", "fin_news_zh", "news_seed.xlsx"), cols)
	if err != nil || len(got) != 7046 || got[0].Label != "1" || got[0].Line != 2 || got[0].Time != "2019年2月14日" {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// FuzzSpreadsheet changes one part of a workbook at a time: the archive around it is not what is parsed here.
func FuzzSpreadsheet(f *testing.F) {
	whole := spreadsheet(headerRow+`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" s="1"><v>43510.5</v></c></row>`, `<mergeCells><mergeCell ref="B2:B3"/></mergeCells>`)
	names := []string{"xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels"}
	for i, name := range names {
		f.Add(uint8(i), []byte(whole[name]))
	}
	f.Fuzz(func(t *testing.T, at uint8, content []byte) {
		files := maps.Clone(whole)
		files[names[int(at)%len(names)]] = string(content)
		path := write(t, "x.xlsx", zipped(t, files))
		for _, c := range []Columns{{Text: "text", Label: "label"}, {Text: "1"}} {
			if got, err := read(t, path, c); err != nil && (strings.Contains(err.Error(), "\n") || hint.Way(err) == "") {
				t.Fatalf("%d examples, then %q without a way out", len(got), err)
			}
		}
		os.Remove(path)
	})
}
