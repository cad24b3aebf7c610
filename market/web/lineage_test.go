package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

func TestTheLineageOfAPackageIsDrawn(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	card := func(base string) string {
		return "---\nlicense: mit\nlanguage: zh\npipeline_tag: text-classification\nbase_model: " + base + "\ndatasets: [elsewhere/some-data-with-a-name-that-is-much-too-long]\n---\n# x\n"
	}
	publish(t, m, token, "ada/root:1.0.0", strings.Replace(card("x"), "base_model: x\n", "", 1), false)
	publish(t, m, token, "ada/middle:2.1.0", card("ada/root"), false)
	publish(t, m, token, "ada/secret:1.0.0", card("ada/middle"), true)
	for i := range 10 {
		publish(t, m, token, fmt.Sprintf("ada/leaf%d:1.0.0", i), card("ada/middle"), false)
	}
	for _, c := range []struct {
		path, language string
		has, hasNot    []string
	}{
		{"/ada/middle", "en", []string{`<a href="/ada/root"><g class="box">`, `<g class="box this"><title>ada/middle · `, " 2.1.0</title>", `<g class="box away"><title>elsewhere/some-data-with-a-name-that-is-much-too-long`, `>elsewhere/some-data…</text>`,
			`<a href="/ada/leaf9">`, "and 2 more", "As a list", `aria-label="Lineage"`}, []string{"secret", "style="}},
		{"/ada/root", "en", []string{`<a href="/ada/middle">`, `<a href="/ada/leaf9">`, "and 7 more", "Made of those"}, []string{"secret"}},
		{"/ada/leaf0", "zh", []string{`<a href="/ada/root">`, "来源与去向", "列表形式", "更早的来源"}, []string{"As a list", "secret", "leaf9"}},
	} {
		_, _, body := get(t, m, c.path, c.language)
		for _, s := range c.has {
			if !strings.Contains(body, s) {
				t.Errorf("%s: no %q", c.path, s)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(body, s) {
				t.Errorf("%s: says %q", c.path, s)
			}
		}
	}
	begun := time.Now()
	for range 20 {
		get(t, m, "/ada/middle", "en")
	}
	t.Logf("%v a page", time.Since(begun)/20)
}
