package eval

// Figure is one number of a report.
type Figure struct {
	Key    string // of Report.Intervals and Report.More
	Name   string
	NameZH string
	Value  float64
}

// names of the figures in Report.More.
var names = map[string][2]string{
	"mcc":                {"Matthews correlation", "马修斯相关系数"},
	"kappa":              {"Cohen's kappa", "科恩 κ"},
	"roc_auc":            {"ROC AUC", "ROC 曲线下面积"},
	"pr_auc":             {"PR AUC", "PR 曲线下面积"},
	"hamming_loss":       {"Hamming loss", "汉明损失"},
	"mse":                {"MSE", "均方误差"},
	"rmse":               {"RMSE", "均方根误差"},
	"mae":                {"MAE", "平均绝对误差"},
	"r2":                 {"R²", "R²"},
	"pearson":            {"Pearson's r", "皮尔逊相关系数"},
	"spearman":           {"Spearman's ρ", "斯皮尔曼相关系数"},
	"pair_accuracy":      {"accuracy", "准确率"},
	"pair_f1":            {"F1", "F1"},
	"recall_at_1":        {"recall@1", "前 1 召回率"},
	"recall_at_5":        {"recall@5", "前 5 召回率"},
	"recall_at_10":       {"recall@10", "前 10 召回率"},
	"mrr":                {"mean reciprocal rank", "平均倒数排名"},
	"exact_match":        {"exact match", "精确匹配率"},
	"answer_f1":          {"F1 of answers", "答案 F1"},
	"answered_exact":     {"exact match (answered)", "精确匹配率（有答案）"},
	"answered_f1":        {"F1 (answered)", "F1（有答案）"},
	"no_answer_accuracy": {"accuracy (no answer)", "准确率（无答案）"},
	"explained_variance": {"explained variance", "可解释方差"},
}

// Figures lists the figures of a report, the most telling first.
func (r *Report) Figures() []Figure {
	var list []Figure
	add := func(key, name, zh string, v float64) { list = append(list, Figure{key, name, zh, v}) }
	more := func(keys ...string) {
		for _, key := range keys {
			if v, ok := r.More[key]; ok {
				add(key, names[key][0], names[key][1], v)
			}
		}
	}
	switch r.Task {
	case Numbers:
		more("r2", "mae", "rmse", "mse", "pearson", "spearman", "explained_variance")
	case Similarity:
		more("mrr", "recall_at_1", "recall_at_5", "recall_at_10", "spearman", "pair_accuracy", "pair_f1", "roc_auc", "pr_auc", "pearson")
	case Answered:
		more("answer_f1", "exact_match", "answered_f1", "answered_exact", "no_answer_accuracy")
	case Entities:
		add("micro_f1", "entity F1", "实体 F1", r.MicroF1)
		add("micro_precision", "precision", "精确率", r.MicroPrecision)
		add("micro_recall", "recall", "召回率", r.MicroRecall)
		add("macro_f1", "F1 (macro)", "宏平均 F1", r.MacroF1)
	case Sets:
		add("micro_f1", "F1 (micro)", "微平均 F1", r.MicroF1)
		add("macro_f1", "F1 (macro)", "宏平均 F1", r.MacroF1)
		add("micro_precision", "precision (micro)", "微平均精确率", r.MicroPrecision)
		add("micro_recall", "recall (micro)", "微平均召回率", r.MicroRecall)
		add("accuracy", "all labels right", "完全匹配率", r.Accuracy)
		more("hamming_loss", "roc_auc", "pr_auc")
	default:
		add("accuracy", "accuracy", "准确率", r.Accuracy)
		add("macro_f1", "F1 (macro)", "宏平均 F1", r.MacroF1)
		add("weighted_f1", "F1 (weighted)", "加权 F1", r.WeightedF1)
		add("macro_precision", "precision (macro)", "宏平均精确率", r.MacroPrecision)
		add("macro_recall", "recall (macro)", "宏平均召回率", r.MacroRecall)
		more("mcc", "kappa", "roc_auc", "pr_auc")
		add("log_loss", "log loss", "对数损失", r.LogLoss)
		add("ece", "calibration error", "校准误差", r.ECE)
	}
	return list
}

// Main is the figure that models are compared by.
func (r *Report) Main() Figure { return r.Figures()[0] }
