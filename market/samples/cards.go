package samples

// The cards of the samples. OWNER and VERSION are put in by work.in, the rest by fmt.

const reviewsCard = `---
pretty_name: 中英文点评 · Reviews in Chinese and English
license: apache-2.0
language: [zh, en]
task_categories: [text-classification]
tags: [sentiment, reviews, samples]
size_categories: [1K<n<10K]
configs:
- config_name: zh
  data_files:
  - {split: train, path: data/zh/train.jsonl}
  - {split: validation, path: data/zh/validation.jsonl}
- config_name: en
  data_files:
  - {split: train, path: data/en/train.jsonl}
  - {split: validation, path: data/en/validation.jsonl}
---
# 中英文点评 · Reviews in Chinese and English

酒店、餐馆、商店的短点评，每条标明情感（positive、negative、neutral）和类别（hotel、restaurant、shop）。全部由小语项目的作者撰写，不含真实顾客的内容，适合试验情感分析和文本分类。

Short reviews of hotels, restaurants and shops, each with its sentiment (positive, negative, neutral) and its category (hotel, restaurant, shop). All of them were written by the authors of the project Xiaoyu; none is a real customer's. Made to try sentiment analysis and classification of texts with.

%s
划分由文本的 SHA-256 决定，因此同一句话只出现在一个部分里。另有五分之一的点评没有公开，市场用它们测量模型。 The parts follow from the SHA-256 of a text, so that a text is in one of them alone. A fifth of the reviews is not published: the market measures models by them.

## 字段 · Fields

- ` + "`text`" + `：点评原文 the review
- ` + "`label`" + `：情感 its sentiment
- ` + "`category`" + `：类别 what it is about

## 局限 · Limits

句子短而清楚，真实点评更长、更杂。用它得到的指标只说明这个数据集。 The sentences are short and clear; real ones are longer and messier. Figures on this set speak of this set.
`

const questionsCard = `---
pretty_name: 中英文阅读问答 · Questions about short texts
license: apache-2.0
language: [zh, en]
task_categories: [question-answering]
tags: [questions, reading, samples]
size_categories: [n<1K]
configs:
- config_name: zh
  data_files: data/zh/*.jsonl
- config_name: en
  data_files: data/en/*.jsonl
---
# 中英文阅读问答 · Questions about short texts

关于短文的问题，答案是文中的一段；有些问题在文中没有答案。形式与 SQuAD 2.0 相同，文章、问题和答案都由小语项目的作者撰写。

Questions about short texts, each answered by a stretch of its text; some have no answer there. The form is that of SQuAD 2.0; texts, questions and answers were written by the authors of the project Xiaoyu.

%s
同一篇短文的问题都在同一部分里。 All questions about a text are in one part.

## 字段 · Fields

- ` + "`context`" + `、` + "`question`" + `：短文和问题 text and question
- ` + "`answers`" + `：答案及其在文中的位置（字符），没有答案时为空 the answers with their places in characters; empty where there is none
`

const modelEnd = `
## 指标 · Figures

%[1]s
在未参与训练的 %[2]d 条点评上测得。 Measured on %[2]d reviews that training did not see.

整个包 %[3]s，在普通处理器上运行，不需要 GPU。 The whole package has %[3]s and runs on a plain processor.

## 使用 · Use

` + "```sh\n" + `xiaoyu predict market://OWNER/%[5]s:VERSION %[4]s
` + "```" + `

## 局限 · Limits

训练数据很小，是为演示而写的；请先用自己的数据评估（` + "`xiaoyu eval`" + `），再用于实际业务。不要用它对人下结论。 The data is small and was written to show how things work: judge the model on your own (` + "`xiaoyu eval`" + `) before you rely on it, and do not draw conclusions about persons from it.
`

const sentimentZHCard = `---
license: apache-2.0
language: zh
library_name: xiaoyu
pipeline_tag: text-classification
datasets: [OWNER/reviews]
tags: [sentiment, 情感, reviews, samples]
---
# 中文点评情感分析 · Sentiment of Chinese reviews

判断一条中文点评是好评、差评还是中性。这是一个从零训练的卷积网络（TextCNN），读的是词。

Tells whether a review in Chinese is positive, negative or neutral. A convolutional network over words (TextCNN), trained from scratch.
` + modelEnd

const sentimentENCard = `---
license: apache-2.0
language: en
library_name: xiaoyu
pipeline_tag: text-classification
datasets: [OWNER/reviews]
tags: [sentiment, reviews, samples]
---
# 英文点评情感分析 · Sentiment of English reviews

判断一条英文点评是好评、差评还是中性。这是一个字词 n-gram 线性模型，一秒之内训练完成，可作为其他模型的比较基准。

Tells whether a review in English is positive, negative or neutral. A linear model over n-grams of characters and words: trained within a second, and a baseline to compare others with.
` + modelEnd

const topicZHCard = `---
license: apache-2.0
language: zh
library_name: xiaoyu
pipeline_tag: text-classification
datasets: [OWNER/reviews]
tags: [topic, 分类, reviews, samples]
---
# 中文点评分类 · What a Chinese review is about

判断一条中文点评说的是酒店、餐馆还是商店。这是一个字词 n-gram 线性模型，体积小，速度快。

Tells whether a review in Chinese is about a hotel, a restaurant or a shop. A linear model over n-grams of characters and words, small and fast.
` + modelEnd

const deskCard = `---
license: apache-2.0
language: [zh, en]
tags: [reviews, customer service, 客服, samples]
---
# 点评台 · Review desk

读一条点评，说出它的情感和类别：两个小模型各司其职，用同一个输入。应用只声明需要什么，按摘要引用模型，因此运行的正是这里试过的那两个。

Reads a review and tells its sentiment and what it is about: two small models with one input. The application only declares what it needs, and names its models by digest, so that what runs is what was tried here.

| 输入 input | 类型 type |
|---|---|
| ` + "`review`" + ` | text |

| 输出 output | 类型 type |
|---|---|
| ` + "`sentiment`" + ` | label：positive、negative、neutral |
| ` + "`topic`" + ` | label：hotel、restaurant、shop |
`

const deskApp = `name: review-desk
kind: application
version: VERSION
title: 点评台 · Review desk
description: 读一条点评，说出它的情感和类别。 Reads a review and tells its sentiment and what it is about.
inputs: {review: text}
outputs: {sentiment: label, topic: label}
dependencies:
`
