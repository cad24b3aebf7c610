package web

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
)

// Errors and findings are written in English where they arise, for programs and logs as well. Pages in Chinese say them by
// this table: its keys are the formats that they were written with, its values say the same with the same arguments, which
// are looked up themselves.
var phrases = map[string]string{
	// What inspection finds and does not forbid.
	"%d %s (%s)": "%[1]s 个%[2]s（%[3]s）", "line %s": "第 %s 行", "lines %s": "第 %s 行", "line %s and more": "第 %s 行等", "lines %s and more": "第 %s 行等",
	"e-mail address": "电子邮箱", "e-mail addresses": "电子邮箱", "telephone number": "电话号码", "telephone numbers": "电话号码", "Chinese identity number": "居民身份证号", "Chinese identity numbers": "居民身份证号",
	"bank card number": "银行卡号", "bank card numbers": "银行卡号", "IP address": "IP 地址", "IP addresses": "IP 地址",
	"mask or remove them unless their owners have agreed, and say so in the card": "除非本人同意并在说明中写明，请遮盖或删除",
	"an application without it": "应用缺少这个文件", "write one; docs/market.md shows how": "请编写一个，写法见 docs/market.md",
	"the package has no card": "这个包没有说明", "write one, with license, language and pipeline_tag between two lines of --- at its beginning": "请编写说明，开头在两行 --- 之间写明 license、language 和 pipeline_tag",
	"it names no licence, so nobody may use the package": "没有写明许可证，因此谁也无权使用这个包", "write license: followed by an SPDX identifier, such as license: apache-2.0, in its front matter": "请在开头写 license: 和 SPDX 标识，例如 license: apache-2.0",
	"the licence %s is none that is known here": "许可证 %s 不在已知之列", "write an SPDX identifier, such as apache-2.0, or other": "请写 SPDX 标识，例如 apache-2.0，或写 other",
	"it names no language": "没有写明语言", "write language: zh, or a list such as [zh, en], in its front matter": "请在开头写 language: zh，或 [zh, en] 这样的列表",
	"the language %s is no code such as zh or en": "语言 %s 不是 zh、en 这样的代码", "write an ISO 639 code": "请写 ISO 639 代码",
	"it names no task": "没有写明任务", "write its task, such as %s, in its front matter": "请在开头写明任务，例如 %s",
	"an empty file holds no weights": "空文件里没有权重", "leave it out, or export it again": "请去掉这个文件，或重新导出",
	"source code: whoever installs the package runs none of it": "源代码：安装这个包的人不会运行它", "take it out unless people need to read it": "如果没有阅读的需要，请去掉",
	"%s is under %s, whose terms are not known here": "%s采用许可证 %s，其条款不在已知之列", "read them, and see that %s goes with them": "请阅读其条款，确认 %s 与之相容",
	"its parent %s": "上级模型 %s ", "its data %s": "训练数据 %s ",
	"the licence %s does not go with that of %s: %s %s": "许可证 %s 与%s的不相容：%s %s", "publish it under %s, or make it of something else": "请改用 %s 发布，或换用其他来源",
	"allows no works made of it": "不允许演绎作品", "allows no use for money, and works made of it may not allow more": "不允许商业使用，演绎作品也不得放宽",
	"wants works made of it to be under the same licence (share-alike)": "要求演绎作品采用相同的许可证（相同方式共享）", "wants works made of it to be under the same licence (copyleft)": "要求演绎作品采用相同的许可证（著佐权）",
	"wants its rules of use to go with works made of it": "要求演绎作品附带其使用规则",
	"dependencies.%s: it needs something in turn: %s":    "依赖 %s 还需要：%s", "%s is not on this market": "%s 不在本市场上", "publish it first, or check its name": "请先发布它，或检查名称",
	"%s has no package %s": "%s 没有摘要为 %s 的包", "see its digests with `xiaoyu info %s`": "可用 `xiaoyu info %s` 查看它的摘要", "%s has no version %s": "%s 没有版本 %s", "see its versions with `xiaoyu info %s`": "可用 `xiaoyu info %s` 查看它的版本",
	"%s:%s is %s and not %s": "%s:%s 是 %s，而不是 %s", "write the digest that `xiaoyu info %s:%s` shows": "请写 `xiaoyu info %s:%s` 显示的摘要", "put that file beside it": "请把该文件放在旁边",

	// What cannot be done, and the way out.
	"there is no mail address": "没有登记邮箱", "save it with your profile first": "请先在个人资料中保存邮箱", "the mail address is confirmed": "邮箱已经确认", "there is nothing to do": "无需再确认",
	"a password of %d characters": "密码有 %s 个字符", "choose one of at least 8 characters": "请选择至少 8 个字符的密码", "an account without a password": "账号没有密码",
	"the name %q": "名称 %s", "the name %.120q": "名称 %s", "the owner %.120q": "所有者 %s", "the name": "名称", "the owner": "所有者", "use letters, digits, and single '.', '_' or '-' between them, 96 characters at most": "可用字母、数字，中间可用单个 . _ -，最多 96 个字符",
	"choose one of 2 to 40 characters": "请选择 2 到 40 个字符的名称", "the name %q is reserved": "名称 %s 是保留名称", "choose another": "请换一个", "choose another name": "请换一个名称",
	"%s has %d characters, of %d at most": "%s有 %s 个字符，最多 %s 个", "make it shorter": "请缩短", "%s has characters that cannot be shown": "%s含有无法显示的字符", "write plain text": "请使用纯文本",
	"the full name": "姓名或全称", "the address": "电子邮箱", "the biography": "简介", "the link": "链接", "the note": "备注", "the title": "标题", "the description": "描述", "the reason": "原因", "the successor": "替代版本", "the package": "包",
	"the address %q": "电子邮箱 %s", "write it as in ada@example.org": "请写成 ada@example.org 的形式", "the link %q": "链接 %s", "begin it with https://": "请以 https:// 开头",
	"the old password is wrong": "当前密码不正确", "write the one that you sign in with now": "请输入现在登录用的密码",
	"an end in %.20q days": "%s 天的有效期", "write a number of days, or 0 for none": "请填写天数，0 表示不限", "no session is named": "没有选择会话", "choose one": "请选择一个",
	"nobody can sign up on this market": "本市场不开放注册", "ask who runs it for an account": "请向管理者索取账号", "no role is named": "没有选择角色", "choose read, write or admin": "请选择读取、写入或管理",
	"there is nobody called %q here": "这里没有名为 %s 的人", "check the name, or send an invitation": "请检查名称，或发送邀请", "the action %.40q": "操作 %s", "use the forms of the page": "请使用页面上的表单",
	"the name was not confirmed": "名称未确认", "write %s": "请输入 %s", "the end of the collection was not confirmed": "尚未确认删除合集", "tick the box": "请勾选确认",
	"there is no package %.120q": "没有名为 %s 的包", "write owner/name": "请写成 所有者/名称", "the package %.120q": "包 %s", "the place %.20q": "位置 %s", "the place %d": "位置 %s", "write a number": "请填写数字", "write a number from 0 on": "请填写不小于 0 的数字",
	"reading a form": "读取表单", "send the form again": "请重新提交", "%s has %d keys": "%s 有 %s 个密钥", "remove one that is no longer used": "请删除不再使用的",
	"there are %d invitations that nobody has used": "有 %s 个邀请尚未使用", "take some back": "请收回一些", "an invitation to %s": "加入 %s 的邀请", "name an organisation and a role": "请指明组织和角色",
	"an invitation to sign up is of no use to %s": "注册邀请对 %s 没有用处", "give it to somebody who has no account": "请交给还没有账号的人",
	"it would have no administrator": "这样就没有管理员了", "make somebody else an administrator first": "请先让别人成为管理员", "%s as a member of %s": "%s 成为 %s 的成员", "name an organisation and a person": "请指明组织和个人",
	"a token of %s": "%s 的令牌", "make it for a person, with the scope read, write or admin": "请为个人创建，权限为读取、写入或管理", "there would be no way left to log in": "这样就无法登录了", "set a password first": "请先设置密码",
	"it is read, write or admin": "只能是读取、写入或管理", "the state %.40q": "状态 %s", "it is pending, accepted or rejected": "只能是待定、批准或拒绝", "it is deprecated, yanked, or empty for neither": "只能是弃用、撤回或留空",
	"no reason is given": "没有说明原因", "say why": "请说明原因", "gated %.40q": "访问限制 %s", "it is auto, manual, or empty for none": "只能是 auto、manual 或留空", "%s is not gated": "%s 不需要申请", "just use it": "可以直接使用",
	"the kind %.40q": "种类 %s", "it is model, dataset or application": "只能是模型、数据集或应用", "the tag %.140q": "标签 %s", "use letters, digits, '.', '_' and '-', 128 characters at most, as in 1.0.0 or beta": "可用字母、数字、. _ -，最多 128 个字符，例如 1.0.0 或 beta",
	"a collection without a title": "合集没有标题", "say in a few words what it holds": "请用几个词说明收录的内容", "use small letters and digits with '-' between them, %d characters at most": "可用小写字母和数字，中间可用 -，最多 %s 个字符",
	"nothing has been published as %s": "%s 还没有发布任何内容", "publish a version first": "请先发布一个版本", "%s has %d collections, as many as an owner may have": "%s 有 %s 个合集，已达上限", "delete one": "请删除一个",
	"it has %d packages, as many as it may": "已有 %s 个包，达到上限", "remove some, or make another collection": "请移出一些，或另建合集",
	"%s has %d packages, of %d at most": "%s 有 %s 个包，最多 %s 个", "delete one, or ask who runs this market for more": "请删除一个，或向管理者申请更多",
	"a new password for %s": "为 %s 设置新密码", "name a person whose account is enabled": "请指明账号可用的个人",
	"the order %.40q": "排序方式 %s", "it is relevance, trend, downloads, rating, updated, size or latency": "只能是 relevance、trend、downloads、rating、updated、size 或 latency", "see the orders of package catalogue": "请换一种排序方式",
	"a %s in a repository for a %s": "%s放进了%s的仓库", "publish it under another name": "请换一个名称发布", "a search of %d bytes": "搜索词有 %s 字节", "use fewer words": "请少用几个词", "a search for %d words": "搜索 %s 个词", "use 12 at most": "请最多用 12 个",
	"the facet %.40q": "筛选条件 %s", "see catalogue.Facets": "请使用页面上的筛选条件", "%s is none": "%s 不是包", "name a revision of a package": "请指明包的一个版本", "the branch %s: a version never moves": "分支 %s：版本不会移动", "make it a tag": "请改为标签",
	"a version never changes, and %s": "版本不会改变，而 %s",
	"an empty reply":                  "回复为空", "write something": "请写些内容", "the review has %d replies, as many as it may": "这条评价已有 %s 条回复，达到上限", "go on elsewhere": "请到别处继续讨论",
	"%d stars": "%s 星", "write a number from 1 to 5": "请填写 1 到 5 的数字", "%d ratings of yours within an hour": "您一小时内已评分 %s 次", "go on in an hour": "请一小时后再继续",
	"write text in UTF-8 without the character NUL": "请使用 UTF-8 文本，不含空字符",

	"the versions %.100q": "版本范围 %s", `write them as in ">=1.0.0 <1.2.0 || 2.0.0", or * for all`: `请写成 ">=1.0.0 <1.2.0 || 2.0.0" 这样，或用 * 表示全部`,
	"the severity %.40q": "严重程度 %s", "it is low, medium, high or critical": "应为 low、medium、high 或 critical",
	"an advisory without a title": "公告没有标题", "say in a few words what is dangerous": "请用几个字说明危险所在",
	"fixed in %.40q": "修复版本 %s", "write a version such as 1.2.0": "请填写 1.2.0 这样的版本号",
	"it has %d advisories": "它已有 %s 条公告", "yank its versions": "请撤回它的版本",
	"it is review, reply or package":   "应为 review、reply 或 package",
	"%d reports of yours within a day": "您一天内已举报 %s 次", "go on tomorrow": "请明天再继续",
	"a benchmark without a title": "基准没有标题", "say in a few words what it measures": "请用几个词说明它测量什么", "the benchmark is retired": "基准已停用", "take it up again first": "请先重新启用", "the benchmark is not for %s": "基准不适用于 %s", "see its task and its language": "请查看它的任务和语言",
	"no file was sent": "没有收到文件", "choose a file of examples": "请选择样例文件", "the benchmark": "基准", "reading the examples: %s": "读取样例：%s",
	"%s: line %d has %d characters, where 1 to %d are taken": "%s：第 %s 行有 %s 个字符，应为 1 到 %s 个", "shorten it or leave it out": "请缩短或去掉", "adding the benchmark %s: the task %q cannot be measured by the kind %s": "添加基准 %s：任务 %s 不能用类型 %s 测量", "adding the benchmark %s: the metric %q is none of the kind %s": "添加基准 %s：指标 %s 不属于类型 %s",
	"adding the benchmark %s: it has %d labels, where %d to %d are taken": "添加基准 %s：有 %s 个标签，应为 %s 到 %s 个", "name the column of the label": "请指明标签列", "adding the benchmark %s: it has %d rows with a label, where %d to %d are taken": "添加基准 %s：有 %s 行带标签，应为 %s 到 %s 行", "choose others": "请换一个文件",
	"%s as a moderator: an organisation decides nothing": "%s 不能作为内容管理员：组织不作决定", "name a person": "请指明个人",
	"%s: the second text of line %d has %d characters, where 1 to %d are taken": "%s：第 %s 行的第二段文本有 %s 个字符，应为 1 到 %s 个", "adding the benchmark %s: some rows have a second text, and some have none": "添加基准 %s：有些行有第二段文本，有些没有",
	"the kind of benchmark %.40q is not known": "基准类型 %s 未知", "it is %s": "应为 %s", "%s: the label of line %d is %.40q, where a number is wanted": "%s：第 %s 行的标签是 %s，应为数字", "name the column of the number": "请指明数值列",
	"adding the benchmark %s: its kind compares two texts, and the rows have one": "添加基准 %s：这一类型比较两段文本，而样例只有一段", "name the column of the second text": "请指明第二段文本的列",
	"adding the benchmark %s: all rows have the same number, which brings no model into an order": "添加基准 %s：所有样例的数值相同，无法给模型排序",
	"the decision %.40q": "决定 %s", "it is down, show or dismiss": "应为 down、show 或 dismiss",
}

// pattern is a phrase as it is found.
type pattern struct {
	*regexp.Regexp
	chinese string
	fixed   int // characters of its own: of several that match, the one with the most counts
}

var patterns = sync.OnceValue(func() (list []pattern) {
	verb := regexp.MustCompile(`%(\.[0-9]+)?[dqs]`)
	any := map[byte]string{'d': `([0-9]+)`, 'q': `("(?:[^"\\]|\\.)*")`, 's': `(.+?)`}
	for english, chinese := range phrases {
		var b strings.Builder
		own, verbs := verb.Split(english, -1), verb.FindAllString(english, -1)
		for i, part := range own {
			b.WriteString(regexp.QuoteMeta(part))
			if i < len(verbs) {
				b.WriteString(any[verbs[i][len(verbs[i])-1]])
			}
		}
		list = append(list, pattern{regexp.MustCompile(`(?s)^` + b.String() + `$`), chinese, len(strings.Join(own, ""))})
	}
	return list
})

// phrase is what a phrase is in the language of a page; told is false where there is no other than English.
func (w *words) phrase(english string) (text string, told bool) {
	if w.Lang != "zh" {
		return english, true
	}
	best, args := pattern{fixed: -1}, []string(nil)
	for _, p := range patterns() {
		if p.fixed <= best.fixed {
			continue
		}
		if m := p.FindStringSubmatch(english); m != nil {
			best, args = p, m[1:]
		}
	}
	if best.Regexp == nil {
		return english, false
	}
	values := make([]any, len(args))
	for i, a := range args {
		values[i], _ = w.phrase(a)
	}
	return fmt.Sprintf(best.chinese, values...), true
}

// sentence is an error for people, with the way out. In Chinese it is the part of the error that the table has: what was
// being done stands on the page anyway.
func (w *words) sentence(err error) string {
	message, way := err.Error(), hint.Way(err)
	if w.Lang == "zh" {
		message = w.cause(message)
	}
	if way == "" {
		return message
	}
	way, _ = w.phrase(way)
	if w.Lang == "zh" {
		return message + "；" + way
	}
	return message + "; " + way
}

// cause is the shortest stretch of an error's parts that the table has: longer ones have what was being done in them.
func (w *words) cause(message string) string {
	parts := strings.Split(message, ": ")
	for length := 1; length <= len(parts); length++ {
		for from := 0; from+length <= len(parts); from++ {
			if text, told := w.phrase(strings.Join(parts[from:from+length], ": ")); told {
				return text
			}
		}
	}
	return message
}

// Finding is what the inspection of a package has found, for people.
func (w *words) Finding(f inspect.Finding) string {
	message, _ := w.phrase(f.Message)
	way, _ := w.phrase(f.Way)
	switch {
	case way == "":
		return message
	case w.Lang == "zh":
		return message + "；" + way
	}
	return message + "; " + way
}
