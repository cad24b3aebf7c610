package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Tasks names the pipeline tags of the Hugging Face hub that small language models have, in English and in Chinese.
var Tasks = map[string][2]string{
	"text-classification":      {"Text classification", "文本分类"},
	"sentiment-analysis":       {"Sentiment analysis", "情感分析"},
	"token-classification":     {"Token classification", "序列标注"},
	"zero-shot-classification": {"Zero-shot classification", "零样本分类"},
	"question-answering":       {"Question answering", "问答"},
	"sentence-similarity":      {"Sentence similarity", "句子相似度"},
	"feature-extraction":       {"Feature extraction", "特征提取"},
	"fill-mask":                {"Fill mask", "完形填空"},
	"text-generation":          {"Text generation", "文本生成"},
	"text-ranking":             {"Text ranking", "文本排序"},
	"summarization":            {"Summarization", "摘要"},
	"translation":              {"Translation", "翻译"},
	"text-regression":          {"Text regression", "文本回归"},
}

// pairs are words of the field in both languages: a package that has one is found by the other as well.
var pairs = [][2]string{
	{"sentiment", "情感"}, {"emotion", "情绪"}, {"classification", "分类"}, {"news", "新闻"}, {"review", "评论"}, {"reviews", "评论"}, {"spam", "垃圾"},
	{"intent", "意图"}, {"entity", "实体"}, {"similarity", "相似"}, {"question", "问题"}, {"translation", "翻译"}, {"summarization", "摘要"},
	{"medical", "医疗"}, {"legal", "法律"}, {"finance", "金融"}, {"customer", "客服"}, {"toxic", "辱骂"}, {"topic", "主题"}, {"embedding", "向量"},
	{"model", "模型"}, {"dataset", "数据集"}, {"application", "应用"}, {"chinese", "中文"}, {"english", "英文"},
}

var segmenter = sync.OnceValues(func() (*text.WordSegmenter, error) { return text.NewSegmenter() })

// Warm loads the dictionary, for which the first search would wait otherwise.
func Warm() { _, _ = segmenter() } // who searches hears of an error

// cut returns the words of a text in lower case, each once. Of a Chinese word it also returns the words in it that the
// dictionary knows: 情感分析 is found by 情感.
func cut(s string, parts bool) ([]string, error) {
	if s == "" { // the dictionary takes a while to load
		return nil, nil
	}
	seg, err := segmenter()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, run := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }) {
		for _, w := range text.Words(seg, run) {
			if len(w) > 120 {
				continue // no word of any language
			}
			list = append(list, w)
			if r := []rune(w); parts && len(r) > 2 && unicode.Is(unicode.Han, r[0]) {
				for i := range r {
					for n := 2; i+n <= len(r) && n < len(r); n++ {
						if part := string(r[i : i+n]); seg.Knows(part) {
							list = append(list, part)
						}
					}
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// facetWord is the word that stands for a value of a facet: no text has it.
func facetWord(facet, value string) string {
	sum := sha256.Sum256([]byte(facet + "\x00" + strings.ToLower(value)))
	return "xfacet" + hex.EncodeToString(sum[:6])
}

// index makes a repository findable by what it says now. Whatever changes what wordsOf reads calls it, in the same
// transaction.
func (c *Catalogue) index(q queries, id int64) error {
	r, err := c.byID(q, id)
	if err != nil {
		return err
	}
	if r.Labels, err = c.labels(q, id); err != nil {
		return err
	}
	list, err := wordsOf(r)
	if err != nil {
		return err
	}
	if c.postgres {
		quoted := make([]string, len(list))
		for i, w := range list {
			quoted[i] = quote(w)
		}
		_, err = q.exec("INSERT INTO words (repository_id, text) VALUES (?, CAST(CAST(? AS TEXT) AS TSVECTOR)) ON CONFLICT (repository_id) DO UPDATE SET text = excluded.text", id, strings.Join(quoted, " "))
		return err
	}
	if _, err = q.exec("DELETE FROM words WHERE rowid = ?", id); err == nil {
		_, err = q.exec("INSERT INTO words (rowid, text) VALUES (?, ?)", id, strings.Join(list, " "))
	}
	return err
}

// wordsOf returns all that a repository is found by.
func wordsOf(r *Repository) ([]string, error) {
	task := Tasks[r.Task]
	all := []string{r.Owner, r.Name, r.Title, r.Description, r.Task, task[0], task[1], r.Library, r.Family, r.Licence, string(r.Kind)}
	list, err := cut(strings.Join(append(all, r.Labels[Tag]...), "\n"), true)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		for i := range p {
			if slices.Contains(list, p[i]) {
				list = append(list, p[1-i])
			}
		}
	}
	for facet, value := range Facets {
		for _, v := range value(r) {
			list = append(list, facetWord(facet, v))
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// quote writes a word as PostgreSQL's tsvector and tsquery do.
func quote(w string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(w) + "'"
}

// matching is the condition of a full-text search for all words and facets. The last word may go on: people type.
func (c *Catalogue) matching(words, facets []string) string {
	var all []string
	for i, w := range words {
		switch open := i == len(words)-1 && utf8.RuneCountInString(w) > 1; {
		case c.postgres && open:
			all = append(all, quote(w)+":*")
		case c.postgres:
			all = append(all, quote(w))
		case open:
			all = append(all, `"`+w+`"*`)
		default:
			all = append(all, `"`+w+`"`)
		}
	}
	for _, f := range facets {
		all = append(all, map[bool]string{true: quote(f), false: `"` + f + `"`}[c.postgres])
	}
	return strings.Join(all, map[bool]string{true: " & ", false: " AND "}[c.postgres])
}

// Reindex indexes every repository anew: when a database gets its index, or rows from elsewhere.
func (c *Catalogue) Reindex(ctx context.Context) error {
	for last := int64(0); ; {
		var ids []int64
		err := c.update(ctx, func(q queries) error {
			ids = ids[:0]
			err := q.rows("SELECT id FROM repositories WHERE id > ? ORDER BY id LIMIT 500", []any{last}, func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
			for _, id := range ids {
				if err == nil {
					err = c.index(q, id)
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("indexing packages: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		last = ids[len(ids)-1]
	}
}
