package conf

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Explain prints every key with its documentation and its value in config: YAML that Decode reads back.
func Explain(w io.Writer, config any) error {
	return write(w, config, true)
}

// Encode prints every key with its value, without documentation.
func Encode(w io.Writer, config any) error {
	return write(w, config, false)
}

func write(w io.Writer, config any, explain bool) error {
	b := bufio.NewWriter(w)
	writeSection(b, fields(structOf(config), ""), "", explain)
	return b.Flush()
}

func writeSection(w *bufio.Writer, list []field, indent string, explain bool) {
	for i, f := range list {
		if explain && f.isSection() && (i > 0 || indent != "") {
			fmt.Fprintln(w)
		}
		if doc := f.tag.Get("doc"); explain && doc != "" {
			for _, line := range wrap(doc+f.limits(), 96-len(indent)) {
				fmt.Fprintf(w, "%s# %s\n", indent, line)
			}
		}
		if f.isSection() {
			fmt.Fprintf(w, "%s%s:\n", indent, f.name)
			writeSection(w, fields(f.value, f.path+"."), indent+"  ", explain)
			continue
		}
		fmt.Fprintf(w, "%s%s: %s\n", indent, f.name, f.yaml())
	}
}

// limits lists the values that a key takes.
func (f *field) limits() string {
	if enum := f.tag.Get("enum"); enum != "" {
		return " (" + strings.ReplaceAll(enum, "|", ", ") + ")"
	}
	low, high := f.tag.Get("min"), f.tag.Get("max")
	if low == "" || high == "" || f.isSection() {
		return ""
	}
	return " (" + low + " to " + high + ")"
}

// yaml returns the value as YAML.
func (f *field) yaml() string {
	switch f.value.Kind() {
	case reflect.Slice:
		var parts []string
		for i := range f.value.Len() {
			item := field{value: f.value.Index(i)}
			parts = append(parts, item.yaml())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		var parts []string
		for _, key := range f.keys() {
			name, value := field{value: reflect.ValueOf(key)}, field{value: f.value.MapIndex(reflect.ValueOf(key))}
			parts = append(parts, name.yaml()+": "+value.quoted())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.String:
		data, err := yaml.Marshal(f.value.String())
		if err != nil {
			return fmt.Sprintf("%q", f.value.String())
		}
		return strings.TrimSpace(string(data))
	}
	return f.text()
}

// quoted returns a string in double quotes, as commas and braces within a map need them.
func (f *field) quoted() string { return strconv.Quote(f.value.String()) }

// wrap breaks text into lines of at most width bytes, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
