"""Qwen3-VL as plain PyTorch modules, for training and for inference. Import from the modules; this imports nothing."""
