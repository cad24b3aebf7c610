package web

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
)

// written is an expression of a text as a format: what is not written there is %s.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return written(e.X) + written(e.Y)
	case *ast.CallExpr:
		if name(e.Fun) == "Sprintf" {
			return written(e.Args[0])
		}
	}
	return "%s"
}

// name is that of what is called, or of a constant, without its package.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// told lists the formats of what people may read of the code in a folder: errors that somebody can do something about,
// findings that forbid nothing.
func told(t *testing.T, dir string) (list []string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("%s: %d sources, %v", dir, len(sources), err)
	}
	noted := func(e ast.Expr) bool { return name(e) == "Warned" || name(e) == "Incomplete" }
	look := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch {
			case name(n.Fun) == "Errorf" && slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return name(a) == "ErrInvalid" || name(a) == "ErrQuota" }) && len(n.Args) > 2:
				list = append(list, written(n.Args[0]), strings.NewReplacer(": %w", "", "%w: ", "").Replace(written(n.Args[1])))
			case name(n.Fun) == "say" && len(n.Args) > 3 && noted(n.Args[0]):
				list = append(list, written(n.Args[2]), written(n.Args[3]))
			case name(n.Fun) == "say" && len(n.Args) == 2:
				list = append(list, written(n.Args[0]), written(n.Args[1]))
			}
		case *ast.CompositeLit:
			if len(n.Elts) == 5 && noted(n.Elts[0]) {
				list = append(list, written(n.Elts[3]), written(n.Elts[4]))
			}
		}
		return true
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, look)
	}
	return list
}

// TestWhatPagesTellIsInChinese looks for errors and findings that nobody has translated.
func TestWhatPagesTellIsInChinese(t *testing.T) {
	n := 0
	for _, dir := range []string{".", "../catalogue", "../inspect", "../verify"} {
		for _, format := range told(t, dir) {
			if n++; phrases[format] == "" && strings.Trim(format, "%qswd:.120 ") != "" { // a format of arguments alone says nothing; its arguments are in the table
				t.Errorf("%s: %q is in no other language", dir, format)
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d were found", n)
	}
	for english, chinese := range phrases {
		verbs := regexp.MustCompile(`%(\.[0-9]+)?[dqs]`)
		if a, b := len(verbs.FindAllString(english, -1)), len(regexp.MustCompile(`%(\[[0-9]\])?s`).FindAllString(chinese, -1)); a != b {
			t.Errorf("%q has %d arguments, its Chinese %d", english, a, b)
		}
	}
}

func TestErrorsAndFindingsAreSaidInChinese(t *testing.T) {
	zh, en := vocabulary["zh"], vocabulary["en"]
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("changing the password of ada: %w", hint.Errorf("choose one of at least 8 characters", "a password of %d characters: %w", 5, catalogue.ErrInvalid)), "密码有 5 个字符；请选择至少 8 个字符的密码"},
		{fmt.Errorf("settings of ada/x: %w", hint.Errorf("make it shorter", "%s has %d characters, of %d at most: %w", "the description", 3000, 2000, catalogue.ErrInvalid)), "描述有 3000 个字符，最多 2000 个；请缩短"},
		{fmt.Errorf("x: %w", hint.Errorf("write ada/x", "the name was not confirmed: %w", catalogue.ErrInvalid)), "名称未确认；请输入 ada/x"},
		{fmt.Errorf("members of lab: %w", hint.Errorf("check the name, or send an invitation", "there is nobody called %q here: %w", `a: "b"`, catalogue.ErrInvalid)), `这里没有名为 "a: \"b\"" 的人；请检查名称，或发送邀请`},
		{errors.New("nobody has translated this"), "nobody has translated this"},
	} {
		if got := zh.sentence(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
	if got := en.sentence(hint.Errorf("make it shorter", "x: %w", catalogue.ErrInvalid)); got != "x: not valid; make it shorter" {
		t.Errorf("in English: %s", got)
	}
	for _, c := range []struct{ message, way, want string }{
		{"3 telephone numbers (lines 1, 7 and more)", "mask or remove them unless their owners have agreed, and say so in the card", "3 个电话号码（第 1, 7 行等）；除非本人同意并在说明中写明，请遮盖或删除"},
		{"1 e-mail address (line 2)", "", "1 个电子邮箱（第 2 行）"},
		{"the licence mit does not go with that of its data ada/rows: cc-by-sa-4.0 wants works made of it to be under the same licence (share-alike)", "publish it under cc-by-sa-4.0, or make it of something else", "许可证 mit 与训练数据 ada/rows 的不相容：cc-by-sa-4.0 要求演绎作品采用相同的许可证（相同方式共享）；请改用 cc-by-sa-4.0 发布，或换用其他来源"},
		{"dependencies.model: it needs something in turn: ada/x is not on this market", "publish it first, or check its name", "依赖 model 还需要：ada/x 不在本市场上；请先发布它，或检查名称"},
		{"it names no task", "write its task, such as pipeline_tag: text-classification, in its front matter", "没有写明任务；请在开头写明任务，例如 pipeline_tag: text-classification"},
	} {
		if got := zh.Finding(inspect.Finding{Message: c.message, Way: c.way}); got != c.want {
			t.Errorf("%s: %s, want %s", c.message, got, c.want)
		}
	}
}

// Actions that are no literals where they are noted are named here: the kinds of references, states of a version, and what
// their functions are called with.
func TestActionsOfTheAuditLogAreInChinese(t *testing.T) {
	actions := []string{"tag", "publish", "branch", "yanked", "deprecated", "restore", "add", "remove", "arrange", "enable", "disable"}
	sources, err := filepath.Glob("../catalogue/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && name(call.Fun) == "audit" && len(call.Args) == 5 {
				if action := written(call.Args[2]); action != "%s" {
					actions = append(actions, action)
				}
			}
			return true
		})
	}
	if len(actions) < 35 {
		t.Fatalf("only %d actions were found", len(actions))
	}
	for _, action := range actions {
		if chinese[action] == "" {
			t.Errorf("the audit log's %q is not in Chinese", action)
		}
	}
}
