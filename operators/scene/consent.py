"""Whose face the footage shows, and that they agree to a composite: recorded beside the footage."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import bpy

from ...inference.errors import UsageError
from ...inference.provenance.consent import consent_path
from ...translations import CONTEXT, translated
from ..chosen import chosen_footage, has_footage
from ..facts import learn_consent
from ..jobs.job import Command, LongWork

KINDS = (
    ("PERFORMER", "A Performer", "Somebody else, who agreed to it"),
    ("OWN_FACE", "My Own Face", "The footage shows yourself"),
    ("FICTIONAL", "Nobody Real", "The footage shows no real person: a drawn or a rendered face"),
)


class UNDERSTUDY_OT_consent(LongWork, bpy.types.Operator):
    """Record beside the footage whose face it shows and that they agree to a composite; Composite asks for it"""

    bl_idname = "understudy.consent"
    bl_label = "Record Consent"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        kind: str
        performer: str
        purpose: str
        expires: str
    else:
        kind: bpy.props.EnumProperty(
            name="Whose Face", description="Who is seen in the footage", items=KINDS, options={"SKIP_SAVE"}
        )
        performer: bpy.props.StringProperty(
            name="Performer", description="Name of the person who agreed", options={"SKIP_SAVE"}
        )
        purpose: bpy.props.StringProperty(
            name="Purpose",
            translation_context=CONTEXT,
            description="What they agreed to, for example: trailer of our film",
            options={"SKIP_SAVE"},
        )
        expires: bpy.props.StringProperty(
            name="Until",
            description="Last day on which the consent holds, like 2027-12-31; empty is without end",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Footage is needed."""
        return has_footage(cls, context) and super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Only another person's consent has something to ask for."""
        if self.kind != "PERFORMER" or self.performer:
            return super().invoke(context, event)
        return context.window_manager.invoke_props_dialog(
            self, width=360, title=translated("Consent of the Performer"), confirm_text=translated("Record Consent")
        )

    def draw(self, context: bpy.types.Context) -> None:
        """The questions."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("performer", "purpose", "expires"):
            layout.prop(self, name)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy consent``."""
        words = ["consent", str(chosen_footage(context.scene.understudy)), "--overwrite"]
        if self.kind == "PERFORMER":
            if not (self.performer.strip() and self.purpose.strip()):
                raise UsageError("A performer's consent needs a name and a purpose; fill in both.")
            words += ["--performer", self.performer, "--purpose", self.purpose]
        else:
            words.append("--own-face" if self.kind == "OWN_FACE" else "--fictional")
        if self.expires.strip():
            try:
                words += ["--expires", date.fromisoformat(self.expires.strip()).isoformat()]
            except ValueError as error:
                raise UsageError(f"'{self.expires}' is not a day like 2027-12-31; correct it.") from error
        return Command(tuple(words), "Record Consent")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Show what is recorded."""
        settings = self.job_scene().understudy
        learn_consent(settings)
        return f"Consent is recorded in {consent_path(chosen_footage(settings)).name}, beside the footage"


CLASSES = (UNDERSTUDY_OT_consent,)
