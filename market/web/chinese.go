package web

// T is what a text of the pages about accounts is in the language of the page. Its key is the English text itself.
func (w words) T(english string) string {
	if chinese := chinese[english]; chinese != "" && w.Lang == "zh" {
		return chinese
	}
	return english
}

var chinese = map[string]string{
	"Sign in": "登录", "Sign up": "注册", "Sign out": "退出登录", "Settings": "设置", "Profile": "个人资料", "Tokens": "令牌", "Organisations": "组织", "Invitations": "邀请",
	"Sign-in": "登录方式", "Sessions": "会话", "Your page": "我的主页", "your page": "您的主页", "Audit log": "审计日志", "Name": "名称", "Password": "密码", "Full name": "姓名或全称",
	"E-mail address": "电子邮箱", "(optional, public)": "（可选，公开）", "(optional, not shown)": "（可选，不公开）", "(not shown)": "（不公开）", "About": "简介", "Link": "链接", "Save": "保存", "Saved.": "已保存。",
	"No account yet?": "还没有账号？", "No account yet? Somebody who has one can invite you.": "还没有账号？可以请已有账号的人邀请您。", "Accounts are made by who runs this market.": "账号由本市场的管理者创建。",
	"Code of your invitation": "邀请码", "Your packages will be called name/package. Letters and digits, with . _ - between them.": "您的包将命名为 名称/包名。可用字母、数字，中间可用 . _ - 。", "At least 8 characters.": "至少 8 个字符。",
	"Have an account?": "已有账号？", "Have an account? Sign in": "已有账号？请登录", "This market": "本市场", "invites you to the organisation": "邀请您加入组织", "invites you to this market.": "邀请您加入本市场。",
	"Invitation": "邀请", "Accept": "接受", "You have an account. Give this link to somebody who has none.": "您已有账号，请把这个链接交给还没有账号的人。",
	"Copy this now: it is not kept and cannot be shown again.": "请立即复制：它不会被保存，也无法再次显示。", "This stands on": "这些内容显示在",
	"All other browsers are signed out. Tokens stay as they are.": "其他浏览器都会退出登录，令牌不受影响。", "Your account has no password yet.": "您的账号还没有密码。", "Password now": "当前密码", "New password": "新密码", "Change the password": "修改密码",
	"A token lets a program do what you may, as far as its scope goes.": "令牌让程序在其权限范围内以您的身份操作。", "Then, on your machine:": "然后在您的电脑上运行：", "What it is for": "用途", "Scope": "权限",
	"write: publish packages": "写入：发布包", "read: private packages": "读取：私有包", "admin: settings as well": "管理：还可修改设置", "Ends after": "有效期", "days": "天", "never": "从不", "Make a token": "创建令牌",
	"Token": "令牌", "Last used": "上次使用", "Ends": "到期", "made": "创建于", "Revoke": "撤销", "You have no tokens yet.": "您还没有令牌。",
	"Browsers that are signed in as you. A session ends after 7 days without use, and after 30 days in any case.": "以您的身份登录的浏览器。会话在 7 天未使用后结束，最长 30 天。",
	"Browser": "浏览器", "Address": "地址", "unknown": "未知", "this one": "当前", "since": "始于", "Sign out everywhere": "在所有浏览器上退出",
	"An organisation is a name that several people publish under.": "组织是多人共同发布时使用的名称。", "You are in no organisation yet.": "您还没有加入任何组织。", "New organisation": "新建组织", "Create": "创建",
	"A link lets one person sign up, once, within 14 days.": "一个链接可供一人在 14 天内注册一次。", "For whom": "给谁", "Make an invitation": "创建邀请", "Made": "创建于", "Used": "使用者", "not yet": "尚未使用", "has expired": "已过期", "Take back": "收回",
	"Organisation": "组织", "Members and settings": "成员与设置", "Members": "成员", "Publish the first package:": "发布第一个包：",
	"read": "读取", "write": "写入", "admin": "管理",
	"Too many attempts": "尝试次数过多", "Please try again in %d seconds.": "请在 %d 秒后再试。", "This needs somebody who is signed in.": "需要登录后才能这样做。", "Not permitted": "不允许", "You may not do this. Ask an administrator.": "您无权这样做，请联系管理员。",
	"This cannot be done": "无法完成", "Too much": "内容过多", "What was sent is too long.": "提交的内容过长。", "This came from another site. Open the page here and try again.": "该请求来自其他网站。请在本站打开页面后重试。",
	"The name or the password is wrong.": "名称或密码不正确。", "This name cannot be taken. Choose another.": "这个名称不可用，请换一个。", "This invitation is not valid, or no longer. Ask for a new one.": "邀请无效或已失效，请索取新的邀请。", "This cannot be done: %s.": "无法完成：%s。",
	"Storage": "存储", "Files of all versions, each counted once.": "所有版本的文件，相同的文件只计一次。", "A file:": "单个文件：", "A version:": "单个版本：",
	"By whom": "操作者", "Show": "显示", "When (UTC)": "时间（UTC）", "Who": "谁", "What": "操作", "To what": "对象", "the data folder's holder": "数据目录的管理者", "Older": "更早", "Nothing yet.": "暂无记录。",
	"Public profile": "公开资料", "Role": "角色", "Change": "修改", "Leave": "离开", "Remove": "移除", "read: sees private packages. write: publishes. admin: settings and members as well.": "读取：可看私有包。写入：可发布。管理：还可修改设置和成员。",
	"Name of an account": "账号名称", "Add": "添加", "A link makes one person a member, once, within 14 days; who has no account signs up by it.": "一个链接可让一人在 14 天内成为成员一次；没有账号的人可借此注册。", "Who has done what": "查看操作记录",
	"Rating": "评分", "What people say": "用户评价", "All reviews": "全部评价", "All reviews, and yours": "全部评价和您的评价", "Reviews": "评价", "Nobody has rated it yet.": "还没有人评分。", "of 5 stars": "星（满分 5 星）", "ratings": "个评分", "rating": "个评分",
	"stars": "星", "star": "星", "Your rating": "您的评分", "Your review": "您的评价", "What do you think of it?": "您觉得怎么样？", "Version": "版本", "Rate": "提交评价", "Take it back": "撤回评价", "Sign in to rate it.": "登录后即可评分。",
	"To rate it, install it while you are logged in:": "要评分，请先登录并安装：", "This package is yours; others rate it.": "这是您的包，由其他人来评分。", "Thank you. Your review is kept.": "谢谢，您的评价已保存。", "There are no reviews with these stars.": "没有这个星级的评价。", "There are no reviews with a text.": "还没有文字评价。",
	"Reply": "回复", "Your reply": "您的回复", "Publisher": "发布者", "Show this review alone": "单独查看这条评价", "Earlier ones": "更早的评价", "All stars": "全部星级", "Review": "评价", "changed": "修改于",
	"held back until a moderator has seen it": "等待管理员审核后显示", "taken down": "已被撤下", "shown once your account is old enough": "账号注册满规定时间后自动显示", "Many ratings came at once.": "短时间内收到大量评分。", "You have rated many packages at once.": "您在短时间内评价了很多包。", "Several accounts at one network address rate this package.": "多个账号从同一网络地址评价了这个包。", "Your account is new.": "您的账号刚刚注册。",
	"Like": "喜欢", "private": "私有", "on request": "需申请", "You have asked for access. The owner decides.": "您已申请访问，等待所有者决定。", "The owner has refused access.": "所有者已拒绝访问。", "Its files are for those who have asked for access.": "需要申请后才能访问其文件。", "Ask for access": "申请访问",
	"Who may see it": "可见范围", "private: you and members of the organisation alone": "私有：仅您和组织成员可见", "Files": "文件", "for everybody who sees it": "看得到的人都可下载", "for who asks": "申请后即可下载", "for who asks and is let in": "申请并获批准后可下载",
	"Requests for access": "访问申请", "Let in": "批准", "Refuse": "拒绝", "Description": "描述", "One paragraph, until the next version's card says another": "一段文字，直到下一个版本的说明另有描述", "Undo": "撤销", "Reason": "原因", "Successor": "替代版本", "Deprecate": "弃用", "Yank": "撤回", "deprecated": "已弃用", "yanked": "已撤回",
	"Delete": "删除", "Delete for good": "永久删除", "Another name or owner": "改名或转让", "New name": "新名称", "Move": "移动", "The old name leads to the new one until somebody takes it.": "旧名称会指向新名称，直到被他人使用。", "Write the name to delete it with all versions": "输入名称以删除它和所有版本",
	"or": "或", "Sign in by this as well": "增加登录方式", "Sign in with": "登录方式：", "knows you. Choose the name that you will have here.": "已确认您的身份。请选择您在这里的名称。", "Other ways to sign in": "其他登录方式", "You have another account here that is signed in to in this way.": "您在这里的另一个账号已使用这种登录方式。", "Unlink": "取消关联",
	"Signing in took too long, or began in another browser. Try again.": "登录耗时过长，或是在另一个浏览器中开始的。请重试。", "%s has not said who you are. Try again.": "%s 没有确认您的身份，请重试。",
	"Collections": "合集", "Collection": "合集", "In collections": "收录于合集", "Add to a collection": "加入合集", "New collection": "新建合集", "Edit the collection": "编辑合集", "Edit": "编辑", "Packages of it": "收录的包", "About it": "合集信息",
	"There is nothing in it yet.": "这里还没有内容。", "Words of the title or the description": "标题或描述中的词", "No collection has these words.": "没有合集包含这些词。",
	"There are no collections yet. A collection is a list of packages that belong together, with a note beside each.": "还没有合集。合集是一组相关的包，每个包旁可附备注。",
	"Title": "标题", "Note": "备注", "Package": "包", "Owner": "所有者", "Move up": "上移", "Move down": "下移", "Delete the collection; its packages stay.": "删除这个合集，其中的包不受影响。", "It is in:": "已收录于：", "Create and add": "创建并加入",
	"Forgotten your password?": "忘记密码？", "Forgotten password": "忘记密码", "Another password": "设置新密码", "Name or e-mail address": "名称或电子邮箱", "Send the link": "发送链接",
	"You get a link by mail, by which you choose another password.":                                                                                     "您会收到一封邮件，通过其中的链接设置新密码。",
	"If there is an account of this name or address, and the market knows its mail address, a link is on its way. It can be used once, within an hour.": "如果有这个名称或邮箱的账号，并且本市场知道它的邮箱，链接已经发出。链接在一小时内可用一次。",
	"Ask who runs this market: they can make you a link by which you choose another password.":                                                          "请联系本市场的管理者，由他们为您生成设置新密码的链接。",
	"All browsers are signed out. Tokens stay as they are.":                                                                                             "所有浏览器都会退出登录，令牌不受影响。", "This link is not valid, or no longer. Ask for a new one.": "链接无效或已失效，请重新获取。",
	"Your password is changed, and all browsers are signed out. Sign in with the new one.": "密码已修改，所有浏览器均已退出。请用新密码登录。", "Another password for Xiaoyu": "小语：设置新密码",
	"Somebody, you most likely, wants another password for the account %s. Choose it here within an hour:\n\n%s\n\nIf it was not you, there is nothing to do: your password stays as it is.\n": "有人（很可能是您）要为账号 %s 设置新密码。请在一小时内打开以下链接：\n\n%s\n\n如果不是您本人操作，请忽略这封邮件，您的密码不会改变。\n",
	"Measured by this market": "本市场实测", "It is being measured anew.": "正在重新测量。", "It waits to be measured.": "等待测量。", "This model was stopped, or does not work": "模型被终止，或无法运行", "The card claims more than was reached here.": "说明中声称的指标在这里没有达到。",
	"measured": "实测", "95 % interval": "95% 区间", "claimed": "声称", "not reached": "未达到", "One text": "单条文本", "A text among 32": "32 条一批时每条", "Memory": "内存", "Accuracy when texts are disturbed": "文本受干扰时的准确率",
	"texts that nobody can download": "条无人可下载的文本", "one thread": "单线程", "Signed record": "已签名的记录", "Accuracy": "准确率", "F1 (macro)": "宏平均 F1", "Log loss": "对数损失", "Calibration error": "校准误差",
	"typos": "错别字", "homophones": "同音字", "full width": "全角字符", "traditional characters": "繁体字",
}
