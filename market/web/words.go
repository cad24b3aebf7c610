package web

import (
	"net/http"

	"golang.org/x/text/language"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// words is all that pages say in one language.
type words struct {
	Lang, Other, OtherName                                            string
	Market, Slogan, Search, Placeholder, Trending, New, All, Nothing  string
	NothingYet, HowToPublish, Previous, Next, Of, MoreThan, Packages  string
	Versions, Files, NoCard, Install, Copy, Copied, Licence, Language string
	Task, Family, Size, Parameters, Updated, Downloads, Likes, Digest string
	Yanked, Deprecated, TakeInstead, NotFound, Failed, Invalid, Home  string
	NotFoundText, FailedText, Publisher                               string
	Facets                                                            map[string]string
	Orders                                                            map[catalogue.Order]string
	Kinds                                                             map[string]string
}

// value is how a value of a facet is called.
func (w *words) value(facet, v string) string {
	switch facet {
	case "kind":
		if k := w.Kinds[v]; k != "" {
			return k
		}
	case "task":
		return w.TaskName(v)
	}
	return v
}

// TaskName is what a task is called.
func (w *words) TaskName(task string) string {
	names, ok := catalogue.Tasks[task]
	switch {
	case !ok:
		return task
	case w.Lang == "zh":
		return names[1]
	}
	return names[0]
}

// KindName is what a kind is called.
func (w *words) KindName(k catalogue.Kind) string { return w.value("kind", string(k)) }

var vocabulary = map[string]words{
	"en": {
		Lang: "en", Other: "zh", OtherName: "中文",
		Market: "Market", Slogan: "Small language models, data sets and applications, ready to run anywhere.", Search: "Search", Placeholder: "sentiment, 情感, customer service …",
		Trending: "Trending", New: "New", All: "Show all", Nothing: "Nothing found. Try fewer words, or take a filter away.",
		NothingYet: "Nothing is published here yet.", HowToPublish: "Publish the first package:", Previous: "Previous", Next: "Next", Of: " of ", MoreThan: "more than", Packages: "packages",
		Versions: "Versions", Files: "Files", NoCard: "This package has no card.", Install: "Install", Copy: "Copy", Copied: "Copied", Licence: "Licence", Language: "Language",
		Task: "Task", Family: "Family", Size: "Size", Parameters: "Parameters", Updated: "Updated", Downloads: "Downloads", Likes: "Likes", Digest: "Digest",
		Yanked: "This version was taken back", Deprecated: "There is something better than this version", TakeInstead: "take", NotFound: "Not found", Failed: "Something went wrong", Invalid: "This search cannot be made", Home: "Home",
		NotFoundText: "There is nothing at this address, or you may not see it.", FailedText: "It was noted. Please try again.", Publisher: "Publisher",
		Facets: map[string]string{"kind": "Kind", "task": "Task", "licence": "Licence", "family": "Family", "size": "Size"},
		Orders: map[catalogue.Order]string{catalogue.ByRelevance: "Relevance", catalogue.ByTrend: "Trending", catalogue.ByDownloads: "Downloads", catalogue.ByUpdated: "Newest", catalogue.BySize: "Smallest"},
		Kinds:  map[string]string{"model": "Models", "dataset": "Data sets", "application": "Applications"},
	},
	"zh": {
		Lang: "zh", Other: "en", OtherName: "English",
		Market: "市场", Slogan: "小型语言模型、数据集和应用，随处可用。", Search: "搜索", Placeholder: "情感、sentiment、客服……",
		Trending: "近期热门", New: "最新发布", All: "查看全部", Nothing: "没有找到。可以少用几个词，或者去掉一个筛选条件。",
		NothingYet: "这里还没有发布任何内容。", HowToPublish: "发布第一个包：", Previous: "上一页", Next: "下一页", Of: "，共 ", MoreThan: "超过", Packages: "个包",
		Versions: "版本", Files: "文件", NoCard: "这个包没有说明。", Install: "安装", Copy: "复制", Copied: "已复制", Licence: "许可证", Language: "语言",
		Task: "任务", Family: "模型类型", Size: "大小", Parameters: "参数量", Updated: "更新于", Downloads: "下载", Likes: "喜欢", Digest: "摘要",
		Yanked: "这个版本已被撤回", Deprecated: "这个版本已有更好的替代", TakeInstead: "请改用", NotFound: "没有找到", Failed: "出错了", Invalid: "无法这样搜索", Home: "首页",
		NotFoundText: "这个地址没有内容，或者您无权查看。", FailedText: "问题已经记录，请稍后再试。", Publisher: "发布者",
		Facets: map[string]string{"kind": "种类", "task": "任务", "licence": "许可证", "family": "模型类型", "size": "大小"},
		Orders: map[catalogue.Order]string{catalogue.ByRelevance: "相关度", catalogue.ByTrend: "近期热门", catalogue.ByDownloads: "下载最多", catalogue.ByUpdated: "最新", catalogue.BySize: "最小"},
		Kinds:  map[string]string{"model": "模型", "dataset": "数据集", "application": "应用"},
	},
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// lang is the language of a request: the one chosen now, the one chosen before, or the browser's.
func lang(r *http.Request) string {
	chosen := r.URL.Query().Get("lang")
	if c, err := r.Cookie("lang"); chosen == "" && err == nil {
		chosen = c.Value
	}
	if _, ok := vocabulary[chosen]; ok {
		return chosen
	}
	if _, i := language.MatchStrings(matcher, r.Header.Get("Accept-Language")); i == 1 {
		return "zh"
	}
	return "en"
}
