"""Chinese: no gender and no cases; nouns come with a measure word."""

from mmssl.data.synthetic.words.language import Language, Noun

NOUNS = {
    "circle": (Noun("圆形"), Noun("球"), Noun("圆盘")),
    "square": (Noun("正方形"), Noun("方块")),
    "triangle": (Noun("三角形"),),
    "star": (Noun("星星"), Noun("五角星")),
    "cross": (Noun("十字"),),
    "ring": (Noun("圆环"),),
    "heart": (Noun("心形"), Noun("爱心")),
    "crescent": (Noun("月牙"),),
}
MEASURES = {"星星": "颗", "五角星": "颗", "爱心": "颗"}  # for the others 个
COLORS = {
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "turquoise": "青色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
}
SIZES = {"small": "小", "medium": "中等大小的", "large": "大"}
ACTIONS = {
    "bounce": ("在地上弹跳", "不停地弹起"),
    "slide": ("来回滑动", "在两面墙之间滑动"),
    "strike": ("敲打方砖", "撞击方砖"),
    "hop": ("跳起、悬停再落下", "升起又落下"),
    "spin": ("在原地旋转", "转个不停"),
    "pulse": ("一大一小地跳动", "忽大忽小"),
    "orbit": ("绕圈移动", "沿着圆圈飞"),
    "rest": ("静止不动", "停在原处"),
    "drift": ("慢慢飘动", "静静地飘过"),
    "climb": ("上升、翻转再碰到天花板", "一直升到天花板"),
    "cross": ("从一面墙移到另一面墙并变小", "移动到右边的墙"),
    "dribble": ("不均匀地弹跳", "忽快忽慢地拍打地面"),
}


def phrase(noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
    """一颗红色的大星星."""
    measure = MEASURES.get(noun.text, "个")
    return ("那" if definite else "一") + measure + COLORS[color] + "的" + (SIZES[size] if size else "") + noun.text


CHINESE = Language(
    code="zh",
    nouns=NOUNS,
    actions=ACTIONS,
    phrase=phrase,
    sentences=("{subject}{action}", "能听到{object}{action}的声音", "画面里{subject}{action}"),
    joined=("，{subject}{action}", "，旁边{subject}{action}"),
    unseen="，画面外还有别的声音",
    moments=("{subject}{action}", "现在{subject}{action}", "看，{subject}{action}"),
)
