package plan

import (
	"go/token"
	"path/filepath"
	"strings"
	"unicode"
)

// Identifier makes a name of a path that C and Go take for one: small letters, digits and underscores.
func Identifier(path string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(filepath.Base(path)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_") && (r < 0x80 || unicode.IsSpace(r)):
			b.WriteByte('_')
		}
	}
	name := strings.Trim(b.String(), "_")
	if name == "" {
		return "model"
	}
	if token.IsKeyword(name) || name == "main" { // no package that can be imported is called so
		return name + "_model"
	}
	return name
}
