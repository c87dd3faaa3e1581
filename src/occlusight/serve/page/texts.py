"""Every sentence on the page, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]


@dataclass(frozen=True)
class Texts:
    """The page in one language. Those with braces are filled in with `format`."""

    tagline: str
    picture: str
    drop: str
    question: str
    question_hint: str
    ask: str
    stop: str
    answer: str
    answer_hint: str
    settings: str
    temperature: str
    temperature_info: str
    top_p: str
    top_p_info: str
    max_tokens: str
    max_tokens_info: str
    examples: str
    renders: str
    serving: str
    no_picture: str
    no_question: str
    working: str
    waiting: str
    too_many: str
    full: str
    done: str
    cut: str
    stopped: str
    failed: str
    encoded: str
    cached: str
    encoding: str
    reading: str
    writing: str
    seconds_left: str
    minutes_left: str
    grid: str
    reduced: str


TEXTS: dict[Language, Texts] = {
    "zh": Texts(
        tagline="看一张图，说清谁挡住了谁、为什么。",
        picture="图片",
        drop="把图片拖到这里，或点击上传（JPG、PNG、WEBP）",
        question="问题",
        question_hint="例如：自行车是否被灌木丛遮挡？哪些部分还看得见？",
        ask="提问",
        stop="停止",
        answer="回答",
        answer_hint="回答会逐字出现在这里。",
        settings="生成参数",
        temperature="温度 temperature",
        temperature_info="0：每次都取最可能的词元；越高越随机",
        top_p="top_p",
        top_p_info="只在累计概率达到此值的词元里取样",
        max_tokens="最长回答 max_tokens",
        max_tokens_info="以词元计；到了就截断，并会注明",
        examples="示例：点一下即可提问",
        renders="随附的小模型只认识渲染出来的场景，不认识真实照片。要问真实照片，请改用 Qwen3-VL-2B-Instruct：",
        serving="当前模型：{name}",
        no_picture="请先选一张图片。",
        no_question="请先写下问题。",
        working="正在看图……",
        waiting="正在排队：前面还有 {ahead} 个提问",
        too_many="您已有几个提问在等待，请在 {seconds} 秒后再试。",
        full="现在提问的人太多，请在 {seconds} 秒后再试。",
        done="完成 · {tokens} 个词元 · 共 {total:.1f} 秒 · 首个词元 {first:.1f} 秒（{image}）· 每秒 {rate:.0f} "
        "个词元 · 提示 {prompt} 个词元，其中图片 {pixels} 个",
        cut="已截断（达到 max_tokens）· ",
        stopped="已停止 · {tokens} 段 · {total:.1f} 秒",
        failed="没有回答：{error}",
        encoded="看图 {seconds:.1f} 秒",
        cached="图片此前已看过",
        encoding="正在看图：第 {done} 层，共 {total} 层",
        reading="正在读题：{done} 个词元，共 {total} 个",
        writing="正在回答……",
        seconds_left="，大约还要 {left} 秒",
        minutes_left="，大约还要 {left} 分钟",
        grid="图片按 {rows} 行 {columns} 列 = {tokens} 个词元来看",
        reduced="，由 {before} 缩小到 {after} 像素",
    ),
    "en": Texts(
        tagline="What stands in front of what in a picture, and why.",
        picture="Picture",
        drop="Drop a picture here, or click to choose one (JPG, PNG, WEBP)",
        question="Question",
        question_hint="For example: Is the bicycle hidden by the bush? Which parts can still be seen?",
        ask="Ask",
        stop="Stop",
        answer="Answer",
        answer_hint="The answer appears here word by word.",
        settings="Generation settings",
        temperature="Temperature",
        temperature_info="0 takes the likeliest token each time; higher is more random",
        top_p="top_p",
        top_p_info="Sample among the likeliest tokens that together have this probability",
        max_tokens="Longest answer (max_tokens)",
        max_tokens_info="In tokens; a longer answer is cut, and marked so",
        examples="Examples: one click asks",
        renders="The small model that ships with Occlusight knows rendered scenes, not photographs. For photographs, "
        "run Qwen3-VL-2B-Instruct instead:",
        serving="Model: {name}",
        no_picture="Please choose a picture first.",
        no_question="Please write a question first.",
        working="Looking at the picture…",
        waiting="Waiting: {ahead} questions come before yours",
        too_many="Several of your questions are waiting already; please try again in {seconds} s.",
        full="Too many people are asking now; please try again in {seconds} s.",
        done="Done · {tokens} tokens · {total:.1f} s · first token {first:.1f} s ({image}) · {rate:.0f} tokens/s · "
        "prompt {prompt} tokens, {pixels} of them for the picture",
        cut="Cut at max_tokens · ",
        stopped="Stopped · {tokens} pieces · {total:.1f} s",
        failed="No answer: {error}",
        encoded="picture {seconds:.1f} s",
        cached="picture seen before",
        encoding="Looking at the picture: {done} of {total} blocks",
        reading="Reading the question: {done} of {total} tokens",
        writing="Answering…",
        seconds_left=", about {left} s left",
        minutes_left=", about {left} min left",
        grid="the picture was read as {rows} x {columns} = {tokens} tokens",
        reduced=", reduced from {before} to {after} pixels",
    ),
}
PHOTO_COMMAND = "occlusight serve --model Qwen/Qwen3-VL-2B-Instruct"


def preferred(accept_language: str | None) -> Language:
    """Return the page's language for a browser's Accept-Language header: Chinese where it comes before English."""
    for part in (accept_language or "").lower().split(","):
        if part.strip().startswith("zh"):
            return "zh"
        if part.strip().startswith("en"):
            return "en"
    return "en"
