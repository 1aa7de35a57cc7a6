"""How the one shared model stands while a way uses it.

Everything is set anew for each way, so nothing of one way is left in the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora.layer import Linear
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2_vl

from benchmarks.gpu import packing
from benchmarks.gpu.shapes import Bench
from moslab.backbones.qwen2_vl import BatchedVisionAttention, MatrixPatchEmbed

PLAIN_ROTATION = qwen2_vl.apply_rotary_pos_emb


@dataclass(frozen=True)
class Standing:
    """How the model stands.

    Attributes:
        training: in training mode.
        checkpointing: layers are computed again in the backward pass.
        convolution: patches are embedded by the 3-d convolution, as published.
        batched: the tower takes pictures of equal size together.
        adapters: on, or off as after merging.
        halves: adapters in bfloat16.
        packed: attention within sequences that lie end to end.
        joined: adapters are added inside the product.
        fused: norms, gates and rotations are compiled.
        layers: whole decoder layers are compiled.
    """

    training: bool = False
    checkpointing: bool = False
    convolution: bool = False
    batched: bool = True
    adapters: bool = False
    halves: bool = False
    packed: bool = False
    joined: bool = False
    fused: bool = False
    layers: bool = False


def stand(bench: Bench, wanted: Standing) -> None:
    """Let the model stand as wanted."""
    if bench.standing == wanted:
        return
    bench.standing = None  # unknown, should what follows fail
    model = bench.model
    model.train(wanted.training)
    _set_checkpointing(model, wanted.checkpointing)
    model.model.language_model.config._attn_implementation = packing.NAME if wanted.packed else "sdpa"
    if model.config.model_type == "qwen2_vl":
        _set_tower(model.model.visual, wanted)
    _set_adapters(bench, wanted)
    _set_compiled(bench, wanted)
    bench.standing = wanted


def _set_tower(tower: Any, wanted: Standing) -> None:
    """Qwen2-VL's patch embedding and attention, as published or as moslab has them."""
    tower.patch_embed.__class__ = qwen2_vl.PatchEmbed if wanted.convolution else MatrixPatchEmbed
    for block in tower.blocks:
        block.attn.__class__ = BatchedVisionAttention if wanted.batched else qwen2_vl.VisionAttention


def _set_checkpointing(model: torch.nn.Module, wanted: bool) -> None:
    """By whichever of its names this version of transformers has for it."""
    kind = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    if wanted:
        options = {f"{kind}_checkpointing_kwargs": {"use_reentrant": False}}
        getattr(model, f"{kind}_checkpointing_enable")(**options)
    else:
        getattr(model, f"{kind}_checkpointing_disable")()
    # Or a frozen tower is differentiated through.
    model.disable_input_require_grads()  # type: ignore[operator]


def _set_adapters(bench: Bench, wanted: Standing) -> None:
    """Kind, precision and use of the adapters; bfloat16 copies leave their own weights as they are."""
    for module in bench.model.modules():
        if isinstance(module, Linear):
            module.__class__ = Joined if wanted.joined else Linear
            module.enable_adapters(wanted.adapters)
    halves = wanted.halves and bench.precision == torch.bfloat16
    masters = bench.kept.setdefault("masters", [weight.data for weight in bench.adapters])
    for weight, master in zip(bench.adapters, masters):
        weight.grad = None
        weight.data = master.to(torch.bfloat16) if halves else master
        weight.requires_grad_(wanted.adapters)


class Joined(Linear):
    """An adapter of peft's whose product is added in the same kernel and reads its input as it is."""

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The linear layer's output and the adapter's together, [..., width]."""
        base = self.base_layer(x)
        if self.disable_adapters:
            return base
        down = _weight(self.lora_A).to(base.dtype)
        up = _weight(self.lora_B).to(base.dtype)
        narrow = F.linear(x.to(base.dtype), down)  # [..., rank]
        scale = self.scaling["default"]
        added = torch.addmm(base.flatten(0, -2), narrow.flatten(0, -2), up.T, alpha=scale)
        return added.view_as(base)


def _weight(factors: torch.nn.ModuleDict) -> torch.Tensor:
    """One of an adapter's two factors."""
    return factors.get_parameter("default.weight")


_COMPILED: dict[str, Callable[..., Any]] = {}


def _normed(states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Root mean square norm, as transformers computes it."""
    wide = states.to(torch.float32)
    return weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)).to(states.dtype)


def _gated(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return F.silu(gate) * up


def compiled(name: str, function: Callable[..., Any], device: str) -> Callable[..., Any]:
    """One compiled copy of a small function.

    On a CPU it is the function as it is, since compiling takes longer than a trial lasts.
    """
    if name not in _COMPILED:
        _COMPILED[name] = torch.compile(function, dynamic=False) if device == "cuda" else function
    return _COMPILED[name]


def _set_compiled(bench: Bench, wanted: Standing) -> None:
    """Compiled parts, or the plain ones again."""
    device = bench.device.type
    language = bench.model.model.language_model
    if bench.model.config.model_type == "qwen2_vl":
        rotation = compiled("rotation", PLAIN_ROTATION, device) if wanted.fused else PLAIN_ROTATION
        qwen2_vl.apply_rotary_pos_emb = rotation
    for module in language.modules():
        kind = type(module).__name__
        if kind.endswith("RMSNorm"):
            _replace_forward(module, _fused_norm(module, device) if wanted.fused else None)
        elif kind.endswith("MLP"):
            _replace_forward(module, _fused_gate(module, device) if wanted.fused else None)
    for layer in language.layers:
        whole = wanted.layers and device == "cuda"
        forward = torch.compile(type(layer).forward.__get__(layer), dynamic=False) if whole else None
        _replace_forward(layer, forward)


def _fused_norm(module: Any, device: str) -> Callable[..., Any]:
    norm = compiled("norm", _normed, device)
    return lambda states: norm(states, module.weight, module.variance_epsilon)


def _fused_gate(module: Any, device: str) -> Callable[..., Any]:
    gate = compiled("gate", _gated, device)
    return lambda x: module.down_proj(gate(module.gate_proj(x), module.up_proj(x)))


def _replace_forward(module: Any, forward: Callable[..., Any] | None) -> None:
    """Another forward for one module, or its class's own again."""
    module.__dict__.pop("forward", None)
    if forward:
        module.forward = forward
