package web

import (
	"net/http"

	"golang.org/x/text/language"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// words is all that pages say in one language.
type words struct {
	Lang, Other, OtherName                                                      string
	Market, Slogan, Search, Placeholder, Trending, New, All, Nothing            string
	NothingYet, HowToPublish, Previous, Next, Of, MoreThan, Packages            string
	Versions, Files, NoCard, Install, Copy, Copied, Licence, Language           string
	Task, Family, Size, Parameters, Updated, Downloads, Likes, Digest, SignedBy string
	Yanked, Deprecated, TakeInstead, NotFound, Failed, Invalid, Home            string
	NotFoundText, FailedText, Publisher                                         string
	TryIt, TheText, SecondText, TheQuestion, Ask, TryPlaceholder                string
	TryNote, TryBusy, TryTime, TryMemory, TryCrash, WhyWords, Numbers           string
	TokensDropped, Instead                                                      string
	Needs, Noticed, NoticedText                                                 string
	Rules                                                                       map[string]string
	Compare, From, To, FilesDiffer, FilesSame, Figures, FiguresNote             string
	Card, CardCut, CardSame, Download, FileCut, NoText, FeedName                string
	DownloadsLately, AllYanked, Lineage, BasedOn, TrainedOn                     string
	BuiltOn, ModelsOfIt, UsedBy, Similar                                        string
	Facets                                                                      map[string]string
	Orders                                                                      map[catalogue.Order]string
	Kinds, Kind                                                                 map[string]string // of many, of one
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
	case "verified", "signed":
		return w.T(v)
	}
	return v
}

// RuleName is what a rule of the inspection is about.
func (w *words) RuleName(rule string) string {
	if name := w.Rules[rule]; name != "" {
		return name
	}
	return rule
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
func (w *words) KindName(k catalogue.Kind) string { return w.Kind[string(k)] }

var vocabulary = map[string]words{
	"en": {
		Lang: "en", Other: "zh", OtherName: "中文",
		Market: "Market", Slogan: "Small language models, data sets and applications, ready to run anywhere.", Search: "Search", Placeholder: "sentiment, 情感, customer service …",
		Trending: "Trending", New: "New", All: "Show all", Nothing: "Nothing found. Try fewer words, or take a filter away.",
		NothingYet: "Nothing is published here yet.", HowToPublish: "Publish the first package:", Previous: "Previous", Next: "Next", Of: " of ", MoreThan: "more than", Packages: "packages",
		Versions: "Versions", Files: "Files", NoCard: "This package has no card.", Install: "Install", Copy: "Copy", Copied: "Copied", Licence: "Licence", Language: "Language",
		Task: "Task", Family: "Family", Size: "Size", Parameters: "Parameters", Updated: "Updated", Downloads: "Downloads", Likes: "Likes", Digest: "Digest", SignedBy: "Signed with the key",
		Yanked: "This version was taken back", Deprecated: "There is something better than this version", TakeInstead: "take", NotFound: "Not found", Failed: "Something went wrong", Invalid: "This search cannot be made", Home: "Home",
		NotFoundText: "There is nothing at this address, or you may not see it.", FailedText: "It was noted. Please try again.", Publisher: "Publisher",
		TryIt: "Try it", TheText: "Text", SecondText: "Second text", TheQuestion: "Question", Ask: "Run", TryPlaceholder: "Write or paste a text …",
		TryNote: "The model runs on this server, shut in and with limits on time and memory. Nothing that you write is kept.",
		TryBusy: "Too many are trying models just now. Please try again in a moment.", TryTime: "The model took too long and was stopped. Try a shorter text, or install it.",
		TryMemory: "The model wanted more memory than it may have here and was stopped. Try a shorter text, or install it.", TryCrash: "The model's process has ended by itself. Try another text, and tell the publisher.",
		WhyWords: "Which words spoke for the label, and which against it", Numbers: "numbers", TokensDropped: "tokens at the end were not read", Instead: "No package has all of these words. Showing results for",
		Needs: "Needs", Noticed: "Noticed when it was published", NoticedText: "Every package is inspected before it can be seen. This did not forbid it.",
		Rules:   map[string]string{"personal": "Personal data", "licence": "Licence", "card": "Card", "source": "Source code", "weights": "Weights", "dependency": "Dependency", "archive": "Archive"},
		Compare: "Compare versions", From: "from", To: "to", FilesDiffer: "files differ", FilesSame: "are the same", Figures: "Figures", FiguresNote: "As the publisher's card tells them.",
		Card: "Card", CardCut: "The cards are long; their ends are not compared.", CardSame: "The cards say the same.", Download: "Download", FileCut: "The file goes on; download it to see the rest.", NoText: "This file is no text.", FeedName: "Feed",
		DownloadsLately: "downloads in 30 days", AllYanked: "All versions of this package were taken back; there is none to install.", Lineage: "Lineage", BasedOn: "Based on", TrainedOn: "Trained on",
		BuiltOn: "Built on it", ModelsOfIt: "Trained on it", UsedBy: "Applications that use it", Similar: "Similar packages",
		Facets: map[string]string{"kind": "Kind", "task": "Task", "licence": "Licence", "family": "Family", "size": "Size", "language": "Language", "latency": "Latency", "verified": "Measured by this market", "signed": "Signature"},
		Orders: map[catalogue.Order]string{catalogue.ByRelevance: "Relevance", catalogue.ByTrend: "Trending", catalogue.ByDownloads: "Downloads", catalogue.ByRating: "Best rated", catalogue.ByUpdated: "Newest", catalogue.BySize: "Smallest", catalogue.ByLatency: "Fastest"},
		Kinds:  map[string]string{"model": "Models", "dataset": "Data sets", "application": "Applications"},
		Kind:   map[string]string{"model": "Model", "dataset": "Data set", "application": "Application"},
	},
	"zh": {
		Lang: "zh", Other: "en", OtherName: "English",
		Market: "市场", Slogan: "小型语言模型、数据集和应用，随处可用。", Search: "搜索", Placeholder: "情感、sentiment、客服……",
		Trending: "近期热门", New: "最新发布", All: "查看全部", Nothing: "没有找到。可以少用几个词，或者去掉一个筛选条件。",
		NothingYet: "这里还没有发布任何内容。", HowToPublish: "发布第一个包：", Previous: "上一页", Next: "下一页", Of: "，共 ", MoreThan: "超过", Packages: "个包",
		Versions: "版本", Files: "文件", NoCard: "这个包没有说明。", Install: "安装", Copy: "复制", Copied: "已复制", Licence: "许可证", Language: "语言",
		Task: "任务", Family: "模型类型", Size: "大小", Parameters: "参数量", Updated: "更新于", Downloads: "下载", Likes: "喜欢", Digest: "摘要", SignedBy: "签名所用密钥",
		Yanked: "这个版本已被撤回", Deprecated: "这个版本已有更好的替代", TakeInstead: "请改用", NotFound: "没有找到", Failed: "出错了", Invalid: "无法这样搜索", Home: "首页",
		NotFoundText: "这个地址没有内容，或者您无权查看。", FailedText: "问题已经记录，请稍后再试。", Publisher: "发布者",
		TryIt: "在线试用", TheText: "文本", SecondText: "第二段文本", TheQuestion: "问题", Ask: "运行", TryPlaceholder: "输入或粘贴一段文本……",
		TryNote: "模型在本服务器的隔离环境中运行，时间和内存都有限制。您输入的内容不会被保存。",
		TryBusy: "现在试用的人太多，请稍后再试。", TryTime: "模型运行时间过长，已被停止。请换一段短一些的文本，或者安装后使用。",
		TryMemory: "模型需要的内存超出限制，已被停止。请换一段短一些的文本，或者安装后使用。", TryCrash: "模型进程意外结束。请换一段文本，并告知发布者。",
		WhyWords: "哪些词支持这个标签，哪些词反对", Numbers: "个数值", TokensDropped: "个词元超出长度，没有读取", Instead: "没有包含这些词的包，以下是相近词的结果：",
		Needs: "依赖", Noticed: "发布时的检查意见", NoticedText: "每个包在公开之前都会接受检查。以下各项不影响发布。",
		Rules:   map[string]string{"personal": "个人信息", "licence": "许可证", "card": "说明", "source": "源代码", "weights": "权重", "dependency": "依赖", "archive": "压缩包"},
		Compare: "比较版本", From: "从", To: "到", FilesDiffer: "个文件不同", FilesSame: "个文件相同", Figures: "指标", FiguresNote: "数据来自发布者的说明。",
		Card: "说明", CardCut: "说明较长，末尾部分未比较。", CardSame: "说明内容相同。", Download: "下载", FileCut: "文件未完全显示，请下载查看其余部分。", NoText: "该文件不是文本。", FeedName: "订阅",
		DownloadsLately: "次下载（近 30 天）", AllYanked: "这个包的所有版本都已撤回，没有可安装的版本。", Lineage: "来源与去向", BasedOn: "基于", TrainedOn: "训练数据",
		BuiltOn: "基于它的模型", ModelsOfIt: "用它训练的模型", UsedBy: "使用它的应用", Similar: "相似的包",
		Facets: map[string]string{"kind": "种类", "task": "任务", "licence": "许可证", "family": "模型类型", "size": "大小", "language": "语言", "latency": "延迟", "verified": "本市场测量", "signed": "签名"},
		Orders: map[catalogue.Order]string{catalogue.ByRelevance: "相关度", catalogue.ByTrend: "近期热门", catalogue.ByDownloads: "下载最多", catalogue.ByRating: "评分最高", catalogue.ByUpdated: "最新", catalogue.BySize: "最小", catalogue.ByLatency: "最快"},
		Kinds:  map[string]string{"model": "模型", "dataset": "数据集", "application": "应用"},
		Kind:   map[string]string{"model": "模型", "dataset": "数据集", "application": "应用"},
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
