"""cMIM as a LightningModule: `training_step` is the paper's method."""

import torch
from torch import Tensor, nn

from common.backbones.build import as_encoder, build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.data.sampler import BatchKey
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather_with_grad, rank
from common.distributed.device import WHOLE_NUMBER, on_device
from common.distributed.draws import keyed_generator
from common.errors import DataError
from common.losses.precision import upcast
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.cmim.config import CMIMConfig
from papers.cmim.loss import (
    code_contrast,
    log_bernoulli,
    log_gaussian,
    log_normal,
    log_prior,
    mim_density,
    vae_density,
)

ADVICE = "Try a lower optimizer.lr or a lower method.density_weight"


class Perceptron(nn.Sequential):
    """Hidden layers with ReLU on whole images of one size: to ``(batch, num_features)``."""

    def __init__(self, pixels: int, dims: list[int]) -> None:
        super().__init__(nn.Flatten(), mlp([pixels, *dims], batch_norm=False), nn.ReLU())
        self.num_features = dims[-1]


class CMIM(PaperModule):
    """A probabilistic auto-encoder whose codes are pushed apart in angle (arXiv 2502.19642).

    The negatives are the codes of the global batch.

    Args:
        method: Default: the official code's.
        optimizer: Default: Adam at a constant rate.
        facts: Facts of the images; default: colour, 32 x 32. The decoder makes images of this size.
        backbone: A network of your own in place of ``method.backbone``.
    """

    draw_seed: Tensor

    def __init__(
        self,
        method: CMIMConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or CMIMConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=1e-3)
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        self.shape = facts.channels, facts.size, facts.size
        pixels = facts.channels * facts.size**2
        if config.encoder_dims and backbone is None:
            self.backbone = as_encoder(Perceptron(pixels, config.encoder_dims))
        else:
            self.backbone = build_image_backbone(config, facts, backbone)
        self.code = nn.Linear(self.backbone.num_features, 2 * config.code_dim)
        self.decoder = None
        if config.reconstruction_weight:
            dims = [config.code_dim, *config.decoder_dims, pixels]
            self.decoder = mlp(dims, batch_norm=False)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        # The noise is a function of it and the position, on every process alike.
        self.register_buffer("draw_seed", torch.randint(2**40, ()))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the mean of the code, ``(batch, code_dim)``, or the informative embedding."""
        code = self.encode(images)[0]
        if self.method.embedding == "code":
            return code
        assert self.decoder is not None  # the recipe is refused without
        return self.decoder[:-1](code)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean and the log deviation of the code, ``(batch, code_dim)`` each."""
        mean, log_scale = upcast(self.code(self.backbone(images))).chunk(2, 1)
        return mean, log_scale.clamp(min=self.method.log_scale_min)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Returns the mean image of the code's mean, ``(batch, channels, height, width)``."""
        decoded = self.decode(self.encode(images)[0])
        decoded = decoded.sigmoid() if self.method.likelihood == "bernoulli" else decoded
        return decoded.unflatten(1, self.shape)

    def decode(self, z: Tensor) -> Tensor:
        """Returns logits or means of pixels, ``(batch, code_dim)`` to ``(batch, pixels)``."""
        assert self.decoder is not None  # nothing asks for it without
        return upcast(self.decoder(z))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: reconstruct from a drawn code, widen or narrow it, and push codes apart."""
        config, batch = self.method, as_view_batch(batch, 1)
        (images,) = batch.views
        self.check_shape(images)
        mean, log_scale = self.encode(images)
        z, other = self.draw(mean, log_scale, batch.key)
        parts = {}
        if self.decoder is not None:
            parts["reconstruction"] = config.reconstruction_weight * self.reconstruction(images, z)
        if config.density != "none":
            term = {"mim": mim_density, "vae": vae_density}[config.density]
            density = term(log_normal(z, mean, log_scale), log_prior(z)).mean()
            parts["density"] = config.density_weight * density
        if config.contrast != "none":
            parts["contrast"] = self.contrast(z, other)
        loss = torch.stack([*parts.values()]).sum()
        log_embeddings(self, loss, mean.detach(), self.collapse)
        if is_log_due(self):
            for name, value in parts.items():
                self.log(f"train/{name}", value.detach(), sync_dist=True)
        count_batch(self)
        return loss

    def check_shape(self, images: Tensor) -> None:
        """Raises `DataError` where views have another size than the decoder makes."""
        if images.shape[1:] != self.shape:
            raise DataError(
                f"data.views: a view has the shape {tuple(images.shape[1:])}; cMIM's decoder makes "
                f"{self.shape}, as the images have"
            )

    def draw(self, mean: Tensor, log_scale: Tensor, key: BatchKey) -> tuple[Tensor, Tensor]:
        """Returns a sample of each code and another one, ``(batch, code_dim)`` each."""
        if not self.method.sampled:
            return mean, mean
        generator = keyed_generator(WHOLE_NUMBER.get(self.draw_seed), batches_seen(self))
        noise = torch.randn(2, key.global_size, mean.shape[1], generator=generator)
        own = on_device(noise[:, key.offset : key.offset + len(mean)], mean.device).to(mean.dtype)
        z, other = mean + log_scale.exp() * own
        return z, other

    def reconstruction(self, images: Tensor, z: Tensor) -> Tensor:
        """Returns the mean over images of the negative log likelihood, summed over pixels."""
        x, decoded = images.flatten(1), self.decode(z)
        if self.method.likelihood == "bernoulli":
            return -log_bernoulli(x, decoded).mean()
        return -log_gaussian(x, decoded, self.method.pixel_deviation).mean()

    def contrast(self, z: Tensor, other: Tensor) -> Tensor:
        """Returns the mean contrastive term of the samples ``z (batch, code_dim)``.

        Args:
            z: The anchors, and in cMIM the codes that they are compared with.
            other: Samples of the same codes, which InfoNCE of two samples compares with.
        """
        config = self.method
        codes = gather_with_grad(other if config.contrast == "two-samples" else z)
        negatives = "mean" if config.contrast == "mean" else "sum"
        first = rank() * len(z)
        return code_contrast(z, codes, config.temperature, negatives, first).mean()
