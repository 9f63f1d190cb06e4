"""Sizes, indices and constants shared by the kernels of the context mixer."""

from __future__ import annotations

N_CONTEXTS = 26
DIRECT = 6
MATCHES = 2
MATCH_CONTEXTS = 1024
MATCH_LENGTHS = (6, 20)

# Mixer inputs: two per context, one per direct map, two per match model, the language model's two, the bias.
DIRECT_INPUT = 2 * N_CONTEXTS
MATCH_INPUT = DIRECT_INPUT + DIRECT
MODEL_INPUT = MATCH_INPUT + 2 * MATCHES
BIAS_INPUT = MODEL_INPUT + 2
INPUTS = (BIAS_INPUT + 1 + 15) // 16 * 16

SETS = 7
SET_SIZE = 2304
FINAL_ROWS = 2048

APM_BINS = 33
APMS = 3
APM_SIZE = 65536

# Fields of a stream's row.
S_POS = 0
S_C4 = 1
S_C8 = 2
S_WORD0 = 3
S_WORD1 = 4
S_WORD2 = 5
S_LINE = 6
S_LINE1 = 7
S_SHAPE = 8
S_FIELD = 9
S_RECORD = 10
S_KEY = 11
S_MATCH = 12  # per match model: pointer, length, misses
S_TOKEN0 = 20
S_TOKEN1 = 21
S_PREFIX = 22
STREAM_FIELDS = 32

# Scratch registers.
R_C0 = 0
R_NODE = 1
R_STREAM = 2
R_P = 3
R_FINAL = 4
R_MIX = 5
R_RATE = 6
R_HITS = 7
R_EXPECT = 8  # per match model: expected byte or -1, map index, expected bit
R_APM = 16
R_RECORD = 20
R_BITS = 21
R_CHAR = 22
R_MASK = 23
R_TOKENS = 24
R_DEPTH = 25
R_TUNE = 32
REGISTERS = 64
