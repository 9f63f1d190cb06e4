"""Evaluating a GGUF model with llama.cpp; the only room that imports llama_cpp."""

from edgezip.engine.engine import Engine
from edgezip.engine.identity import EngineIdentity
from edgezip.engine.session import Session

__all__ = ["Engine", "EngineIdentity", "Session"]
