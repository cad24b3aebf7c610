package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"golang.org/x/text/width"

	"github.com/xiaoyu-slm/xiaoyu/internal/hanzi"
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

// pairs are words of the field in both languages, and short forms: a package that has one is found by the other as well.
var pairs = [][2]string{
	{"ner", "实体"}, {"entities", "实体"}, {"qa", "问答"}, {"answering", "问答"}, {"tagging", "标注"}, {"segmentation", "分词"}, {"keyword", "关键词"}, {"ranking", "排序"},
	{"detection", "检测"}, {"fraud", "欺诈"}, {"hotel", "酒店"}, {"movie", "电影"}, {"product", "商品"}, {"chat", "聊天"}, {"dialogue", "对话"}, {"language", "语言"}, {"text", "文本"},
	{"polarity", "情感"}, {"opinion", "观点"}, {"comment", "评论"}, {"headline", "标题"}, {"title", "标题"}, {"summary", "摘要"}, {"search", "搜索"}, {"retrieval", "检索"},
	{"sentiment", "情感"}, {"emotion", "情绪"}, {"classification", "分类"}, {"news", "新闻"}, {"review", "评论"}, {"reviews", "评论"}, {"spam", "垃圾"},
	{"intent", "意图"}, {"entity", "实体"}, {"similarity", "相似"}, {"question", "问题"}, {"translation", "翻译"}, {"summarization", "摘要"},
	{"medical", "医疗"}, {"legal", "法律"}, {"finance", "金融"}, {"customer", "客服"}, {"toxic", "辱骂"}, {"topic", "主题"}, {"embedding", "向量"},
	{"model", "模型"}, {"dataset", "数据集"}, {"application", "应用"}, {"chinese", "中文"}, {"english", "英文"},
}

// others are the words that each of pairs stands beside.
var others = func() map[string][]string {
	of := map[string][]string{}
	for _, p := range pairs {
		of[p[0]], of[p[1]] = append(of[p[0]], p[1]), append(of[p[1]], p[0])
	}
	return of
}()

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
	for _, run := range strings.FieldsFunc(folded(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }) {
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

// folded is a text in the forms that words are compared in: half width, simplified characters, lower case.
func folded(s string) string {
	s = strings.ToLower(width.Fold.String(s))
	var out strings.Builder
	at := 0
	hanzi.Simplify(s, func(from, to int, with rune) {
		out.WriteString(s[at:from])
		out.WriteRune(with)
		at = to
	})
	if at == 0 {
		return s
	}
	out.WriteString(s[at:])
	return out.String()
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
	return c.indexAll(q, []*Repository{r})
}

// indexAll is index for repositories that have been read with their labels.
func (c *Catalogue) indexAll(q queries, list []*Repository) error {
	words, err := ofEach(list, wordsOf)
	if err != nil {
		return err
	}
	count := map[string]int{}
	ids := make([]int64, len(list))
	var rows []any
	for i, r := range list {
		for _, w := range words[i] {
			count[w]++
		}
		ids[i] = r.ID
		all := append(words[i], hidden(r)...)
		text := strings.Join(all, " ")
		if c.postgres {
			for k, w := range all {
				all[k] = quote(w)
			}
			text = strings.Join(all, " ")
		}
		rows = append(rows, r.ID, text)
		if _, err := q.exec("UPDATE repositories SET facets = ? WHERE id = ? AND facets <> ?", facetsColumn(r.Labels), r.ID, facetsColumn(r.Labels)); err != nil {
			return err
		}
	}
	if err := c.learn(q, count); err != nil || len(list) == 0 {
		return err
	}
	if c.postgres {
		_, err = q.exec("INSERT INTO words (repository_id, text) VALUES (?, CAST(CAST(? AS TEXT) AS TSVECTOR))"+strings.Repeat(", (?, CAST(CAST(? AS TEXT) AS TSVECTOR))", len(list)-1)+
			" ON CONFLICT (repository_id) DO UPDATE SET text = excluded.text", rows...)
		return err
	}
	in, numbers := listed(ids)
	if _, err = q.exec("DELETE FROM words WHERE rowid"+in, numbers...); err == nil {
		_, err = q.exec("INSERT INTO words (rowid, text) VALUES (?, ?)"+strings.Repeat(", (?, ?)", len(list)-1), rows...)
	}
	return err
}

// ofEach makes one thing of each repository, on all processors.
func ofEach[T any](list []*Repository, f func(*Repository) (T, error)) ([]T, error) {
	out, errs := make([]T, len(list)), make([]error, len(list))
	var wait sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(list)/100+1) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				out[i], errs[i] = f(list[i])
			}
		})
	}
	wait.Wait()
	return out, errors.Join(errs...)
}

// wordsOf returns the words that people would type for a repository, sorted.
func wordsOf(r *Repository) ([]string, error) {
	texts := []string{r.Owner, r.Name, r.Title, r.Description, taskText(r.Task), r.Library, r.Family, r.Licence, string(r.Kind)}
	words, err := cut(strings.Join(append(texts, r.Labels[Tag]...), "\n"), true)
	if err != nil {
		return nil, err
	}
	for range 2 { // from one short form by way of the other language to the next
		for _, w := range words {
			words = append(words, others[w]...)
		}
	}
	slices.Sort(words)
	return slices.Compact(words), nil
}

// taskText is a task with its names in both languages.
func taskText(task string) string {
	names := Tasks[task]
	return task + "\n" + names[0] + "\n" + names[1]
}

// hidden are the words of a repository for its facets and for who may see it, which nobody types.
func hidden(r *Repository) (list []string) {
	for facet, values := range Facets {
		for _, v := range values(r) {
			list = append(list, facetWord(facet, v))
		}
	}
	return append(list, sight(r)...)
}

// sight are words that tell who may see a repository; none where nobody has published anything yet.
func sight(r *Repository) []string {
	switch {
	case r.Kind == "":
		return nil
	case r.Private:
		return []string{ownerWord(r.OwnerID)}
	}
	return []string{ownerWord(r.OwnerID), publicWord}
}

// quote writes a word as PostgreSQL's tsvector and tsquery do.
func quote(w string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(w) + "'"
}

// expression is the condition of a full-text search for one of each group; a word with a star may go on.
func (c *Catalogue) expression(groups [][]string) string {
	var all []string
	for _, group := range groups {
		any := make([]string, len(group))
		for i, w := range group {
			begin, open := strings.CutSuffix(w, "*")
			switch {
			case c.postgres && open:
				any[i] = quote(begin) + ":*"
			case c.postgres:
				any[i] = quote(begin)
			case open:
				any[i] = `"` + begin + `"*`
			default:
				any[i] = `"` + begin + `"`
			}
		}
		all = append(all, "("+strings.Join(any, map[bool]string{true: " | ", false: " OR "}[c.postgres])+")")
	}
	return strings.Join(all, map[bool]string{true: " & ", false: " AND "}[c.postgres])
}

// Reindex indexes every repository anew: when a database gets its index, or rows from elsewhere.
func (c *Catalogue) Reindex(ctx context.Context) error {
	for last := int64(0); ; {
		var list []*Repository
		err := c.update(ctx, func(q queries) (err error) {
			if list, err = readWhole(q, "r.id > ? ORDER BY r.id LIMIT 500", last); err != nil {
				return err
			}
			return c.indexAll(q, list)
		})
		if err != nil {
			return fmt.Errorf("indexing packages: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		last = list[len(list)-1].ID
	}
}
