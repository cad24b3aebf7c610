package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
)

// What the generator makes names, titles and descriptions of.
var (
	subjects = []string{"sentiment", "news", "spam", "intent", "topic", "medical", "legal", "finance", "reviews", "toxic", "emotion", "entity", "similarity", "question", "customer", "weather", "sports", "travel", "hotel", "music",
		"情感", "新闻", "垃圾邮件", "意图", "主题", "医疗", "法律", "金融", "评论", "客服", "天气", "体育", "旅游", "酒店", "音乐", "房产", "汽车", "教育", "招聘", "电商"}
	forms    = []string{"classifier", "tagger", "encoder", "small", "tiny", "base", "分类", "识别", "分析", "模型", "multilingual", "distilled", "chinese", "english"}
	tasks    = []string{"text-classification", "token-classification", "sentence-similarity", "feature-extraction", "fill-mask", "text-generation", "question-answering", "zero-shot-classification"}
	licences = []string{"mit", "apache-2.0", "cc-by-4.0", "gpl-3.0"}
	families = []string{"bert", "ngram", "cnn", "gru", "transformer", "static"}
)

// fill writes packages straight into a catalogue that nobody serves, in one transaction, and has it index their words. They
// have no files: what a search, a list and a start read is there. A folder that an earlier run has filled stays as it is.
func fill(ctx context.Context, data string, packages int) error {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	file, done := filepath.Join(data, depot.DatabaseFile), filepath.Join(data, "filled")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	c, err := catalogue.Open(ctx, file)
	if err != nil {
		return err
	}
	defer c.Close()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=temp_store(2)&_pragma=foreign_keys(0)&_pragma=cache_size(-200000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	err = insert(ctx, db, packages)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := c.Reindex(ctx); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o644)
}

// fillPostgres fills an empty database with the packages of a folder. One that an earlier run has filled stays as it is.
func fillPostgres(ctx context.Context, data, database string) error {
	c, err := catalogue.Open(ctx, database)
	if err != nil {
		return err
	}
	defer c.Close()
	if last, err := c.LastRepository(ctx); err != nil || last > 0 {
		return err
	}
	return c.Load(ctx, filepath.Join(data, depot.DatabaseFile))
}

func insert(ctx context.Context, db *sql.DB, packages int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	owners := max(packages/50, 1)
	now := time.Now().UnixMicro()
	for i := range owners {
		if _, err := tx.ExecContext(ctx, "INSERT INTO accounts (id, key, name, created) VALUES (?, ?, ?, ?)", 1000+i, fmt.Sprintf("owner%d", i), fmt.Sprintf("owner%d", i), now); err != nil {
			return err
		}
	}
	repository, err := tx.PrepareContext(ctx, `INSERT INTO repositories (id, owner_id, key, name, kind, title, description, licence, task, library, family, parameters, size, downloads, likes, created, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'xiaoyu', ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	label, err := tx.PrepareContext(ctx, "INSERT INTO labels (repository_id, facet, value) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[int(float64(len(list))*math.Pow(random.Float64(), 1.5))] } // some are frequent
	for i := range packages {
		subject, other, form := pick(subjects), pick(subjects), pick(forms)
		name := fmt.Sprintf("%s-%s-%d", pick(subjects[:20]), pick(forms[:6]), i)
		kind := []string{"model", "model", "model", "dataset", "application"}[random.IntN(5)]
		title := strings.ToUpper(subject[:1]) + subject[1:]
		if subject[0] >= 0x80 {
			title = subject
		}
		description := fmt.Sprintf("A %s for %s and %s, number %d. 用于%s的%s。", form, subject, other, random.IntN(100_000), subject, form)
		updated := now - random.Int64N(int64(2*365*24*time.Hour/time.Microsecond))
		downloads := int64(math.Pow(random.Float64(), 8) * 1e6)
		if _, err := repository.ExecContext(ctx, 1000+i, 1000+random.IntN(owners), name, name, kind, title+" "+form, description, pick(licences), pick(tasks), pick(families),
			random.Int64N(1e9), random.Int64N(1e9), downloads, downloads/100, updated, updated); err != nil {
			return err
		}
		for _, value := range [][2]string{{catalogue.Language, []string{"zh", "en"}[random.IntN(2)]}, {catalogue.Tag, subject}} {
			if _, err := label.ExecContext(ctx, 1000+i, value[0], value[1]); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
