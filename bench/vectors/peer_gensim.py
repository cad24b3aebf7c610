"""Trains word vectors with gensim's Word2Vec on a file of sentences, words between blanks.

Arguments: sentences, file to write vectors to, 0 for CBOW or 1 for skip-gram, threads, epochs, least count. Prints the
seconds of training, those of the processor and those of the clock, and the words trained on.
"""
import json
import sys
import time

from gensim.models import Word2Vec

path, out, sg, threads, epochs, least = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
# A file, and not an iterator: gensim's fastest way, which does not hold Python's lock.
model = Word2Vec(vector_size=100, window=5, negative=5, sg=sg, workers=threads, min_count=least, sample=1e-3, seed=1, epochs=epochs)
model.build_vocab(corpus_file=path)
cpu, wall = time.process_time(), time.time()
model.train(corpus_file=path, total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=epochs)
cpu, wall = time.process_time() - cpu, time.time() - wall
model.wv.save_word2vec_format(out)
print(json.dumps({"cpu": cpu, "wall": wall, "words": model.corpus_total_words * epochs}))
