package inspect

import (
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// card checks that a package says under which licence it may be used, what it does, and in which languages.
func card(p *Package) (all []Finding) {
	say := func(way, message string) {
		all = append(all, Finding{Incomplete, "card", pack.CardFile, message, way})
	}
	f := p.Facts
	if f == nil {
		return nil
	}
	if _, ok := p.exists(pack.AppFile); !ok && p.Kind == pack.Application {
		all = append(all, Finding{Incomplete, "application", pack.AppFile, "an application without it", "write one; docs/market.md shows how"})
	}
	if f.Card == nil {
		say("write one, with license, language and pipeline_tag between two lines of --- at its beginning", "the package has no card")
		return all
	}
	if f.Licence == "" {
		say("write license: followed by an SPDX identifier, such as license: apache-2.0, in its front matter", "it names no licence, so nobody may use the package")
	} else if family(f.Licence) == unknown {
		all = append(all, Finding{Warned, "licence", pack.CardFile, "the licence " + short(f.Licence) + " is none that is known here", "write an SPDX identifier, such as apache-2.0, or other"})
	}
	if len(f.Languages) == 0 {
		say("write language: zh, or a list such as [zh, en], in its front matter", "it names no language")
	}
	for _, language := range f.Languages {
		if !tag(language) {
			all = append(all, Finding{Warned, "card", pack.CardFile, "the language " + short(language) + " is no code such as zh or en", "write an ISO 639 code"})
		}
	}
	if f.Task != "" || p.Kind == pack.Application {
		return all
	}
	key := "pipeline_tag: text-classification"
	if p.Kind == pack.Dataset {
		key = "task_categories: [text-classification]"
	}
	say("write its task, such as "+key+", in its front matter", "it names no task")
	return all
}

// tag tells whether a language is written as BCP 47 has it: zh, en, zh-hant, or one of the hub's own words.
func tag(s string) bool {
	first, _, _ := strings.Cut(s, "-")
	letters := strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == ""
	return letters && (len(first) == 2 || len(first) == 3) || s == "multilingual" || s == "code"
}
