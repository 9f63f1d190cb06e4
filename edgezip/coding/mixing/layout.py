"""Sizes, indices and constants shared by the kernels of the context mixer; docs/modelling.md
explains them."""

from __future__ import annotations

DIRECT = 6
MATCHES = 2
MATCH_LENGTHS = (6, 20)
MATCH_MAPS = 1024

# Mixer inputs: bias, two of the language model, two per match model, one per direct map, three per
# context, one per run model, one per residual model.
BIAS_INPUT = 0
MODEL_INPUT = 1
MATCH_INPUT = 3
DIRECT_INPUT = MATCH_INPUT + 2 * MATCHES
CONTEXT_INPUT = DIRECT_INPUT + DIRECT
OF_CONTEXT = 3
"""Inputs of a context: logit, linear value, and the logit again if only zeros or only ones came."""
FINAL_BLOCK = 8
"""A row of the second layer has a multiple of so many places."""

MOST_SETS = 16
SET_SIZE = 2304
"""Rows of a set, of which one is selected for a decision."""
ORDERS_SEEN = (1, 7)
"""Contexts whose being known or not selects a row of set HITS_SET: orders 1 to 6, in every
profile."""
HITS_SET = 2

APM_SIZE = 65536
"""Rows of a probability map."""

TRAILS = 2
TRAILS_AT = 3 << 16
"""Where in `heads` the beginnings of fields are."""
FIELDS = 64
DEPTHS = 64

FAR = 1 << 11
"""The greatest distance at which similar bytes are looked for."""
LASTS = 10
LASTS_SIZE = 1 << 16
"""Tables of bytes that came last behind others, and places of each."""
RESIDUAL_KINDS = 32
"""Histograms of a residual model."""
RESIDUAL_ROW = 512
"""Places of a histogram."""

MAP_LIMIT = 255
DIRECT_LIMIT = 60
MATCH_LIMIT = 1023
RUN_LIMIT = 255
APM_RATE = 6
EARLY_DECISIONS = 1 << 18
"""Decisions after which what the weights move faster at first has halved."""

# Tokens only: a decision that the language model is this sure of (in stretch units: 1 in 11,791 is
# wrong, it says) is coded with its probability, unless a match expects the other bit or the model
# was wrong too often: over 1 in 256 of late. Nothing learns from it.
SURE = 2400
WRONG_BITS = 22
WRONG_LIMIT = 1 << WRONG_BITS - 8
WRONG_RATE = 10

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
S_LINE_HASH = 9
S_RECORD = 10
S_KEY = 11
S_MATCH = 12  # per match model: pointer, length, misses
S_TOKEN0 = 20
S_TOKEN1 = 21
S_PREFIX = 22
S_NUMBER = 23
S_FIELD = 24
S_ROW = 25
S_FIELD_START = 26
S_FIELD_HASH = 27
S_WORD3 = 28
S_DEPTH = 29
S_LINE_HASH1 = 30
S_PART = 32  # hash of the present field before the last byte
S_LEFT1 = 33  # the last two fields that were not empty
S_LEFT2 = 34
S_CHANGED = 35  # fields of the line that differ from those above, up to 3
S_SAME = 36  # which expectations have been right in all of the field, as bits
S_TRAIL = 37  # where a field began last behind what stands before this one
S_WANTED = 39  # what is expected: by each trail and by the field above
S_AFTER = 42  # and behind it
S_RECORD2 = 45  # the second best record length
S_COUNTER = 46  # of profile records: the last byte that counts up by one from record to record
S_COUNTER_AT = 47  # and the place behind it
S_ALIKE = 48  # of binary data: a zero, and the byte four before it again? Of sixteen bytes
# Of profile code:
S_STAGE = 50  # what the next byte of an instruction is
S_MARKS = 51  # its prefixes
S_MARKED = 52  # and their number
S_OPCODE = 53  # 256 * map + opcode
S_MODRM = 54
S_DISPLACEMENT = 55  # bytes of it to come
S_IMMEDIATE = 56  # likewise
S_OPERAND = 57  # bytes of either that have come
S_INSTRUCTION = 58  # hash of its bytes
S_INSTRUCTION1 = 59  # of the one before
S_INSTRUCTION2 = 60
S_BEFORE = 61  # opcode, MODRM and prefixes of the one before
S_OPCODES = 62  # the last four
S_REGISTERS = 63  # the last eight register fields of MODRM
# Of profiles with residual models: the distances of similar bytes, and how similar they are.
S_SLOW = 64
S_SLOW_SCORE = 65
S_FAST = 66
S_FAST_SCORE = 67
STREAM_FIELDS = 68

# Parts of a stream's row of `fields`.
F_STARTS = 0  # of the fields of the two rows
F_HASHES = 2 * FIELDS  # likewise
F_OPENED = 4 * FIELDS  # what opened each depth of brackets
FIELD_ENTRIES = F_OPENED + DEPTHS

# Scratch registers.
R_C0 = 0
R_NODE = 1
R_STREAM = 2
R_INPUTS = 5  # places of a weight row
R_BITS = 6
R_DEPTH = 7
R_EXPECT = (
    8  # per match model: expected byte or -1, map index, expected bit or -1, expected end bit
)
R_MASK = 20
R_PROFILE = 22
R_CONTEXTS = 23
R_WRONG = 24  # share of sure decisions that the model was wrong in, WRONG_BITS fraction bits
R_SETS = 25
R_FINAL_WIDTH = 26
R_RATE = 27
R_FINAL_RATE = 28
R_FINALS = 29  # final rows
R_MAPS = 30  # probability maps
R_EVEN = 31  # whether probability maps reach both ends
R_MIXEDS = 32  # sums of the final rows
R_FINAL_ROWS = 36
R_FINAL_SETS = 40  # whose rows they take
R_MAP_ROWS = 44
R_APM = 48  # entries of the probability maps that were nearest
R_P = 52  # P(1) of the last decision
R_ERROR = 53  # of records and code: what has been wrong of late, on average
R_MISSES = 54  # and how much the last three decisions were
R_EARLY = 55  # by how much weights move faster at first
R_DECISIONS = 56  # how many there have been
R_RUNS = 57  # run models
R_RESIDUALS = 58  # residual models
REGISTERS = 60
