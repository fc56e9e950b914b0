"""The programs that run for each corner and pixel. Everything is lit in camera axes, in linear light."""

from __future__ import annotations

from typing import Final

_VERTEX: Final = """
#version 330
in vec3 position; in vec3 normal; in vec3 soft; in vec2 uv; in vec3 albedo; in vec3 local;
uniform mat4 clip_from_head; uniform mat3 turn; uniform vec3 place; uniform mat4 lamp_from_head; uniform vec3 sink;
out vec3 v_head; out vec3 v_normal; out vec3 v_view; out vec3 v_soft; out vec2 v_uv; out vec3 v_albedo; out vec3 v_local;
out vec3 v_lamp;
void main() {
    gl_Position = clip_from_head * vec4(position, 1.0);
    // Drawn where it is, but held to be this much further away: lids always cover eyeballs.
    vec4 away = clip_from_head * vec4(position + sink, 1.0);
    gl_Position.z = away.z / away.w * gl_Position.w;
    v_head = position; v_normal = turn * normal; v_view = -(turn * position + place);
    v_soft = soft; v_uv = uv; v_albedo = albedo; v_local = local;
    vec4 at = lamp_from_head * vec4(position + 0.12 * normal, 1.0);
    v_lamp = 0.5 + 0.5 * at.xyz;
}
"""

_LIGHT: Final = """
#version 330
in vec3 v_head; in vec3 v_normal; in vec3 v_view; in vec3 v_soft; in vec2 v_uv; in vec3 v_albedo; in vec3 v_local; in vec3 v_lamp;
uniform vec3 lamp_from[2]; uniform vec3 lamp_colour[2]; uniform float exposure; uniform sampler2DShadow shadow;
out vec4 colour;

float reached[2];  // share of each lamp's light that no shadow takes
void find_shadow() {
    reached[0] = texture(shadow, vec3(v_lamp.xy, min(v_lamp.z, 1.0) - 0.003));
    reached[1] = 1.0;
}
// Diffuse light of the lamps; `wrap` is how far each colour bleeds around the terminator and into shadows.
vec3 lamps(vec3 n, vec3 wrap) {
    vec3 sum = vec3(0.0);
    for (int i = 0; i < 2; i++)
        sum += lamp_colour[i] * min(reached[i] + 0.6 * wrap, 1.0) * max((vec3(dot(n, lamp_from[i])) + wrap) / (1.0 + wrap), 0.0);
    return sum;
}
// Sheen of the lamps (Blinn-Phong, normalised) and of the surroundings (Schlick).
vec3 sheen(vec3 n, vec3 v, float rough, float f0) {
    float power = 2.0 / (rough * rough * rough * rough + 1e-4), facing = 1.0 - max(dot(n, v), 0.0);
    vec3 sum = vec3(0.0);
    for (int i = 0; i < 2; i++) {
        vec3 h = normalize(lamp_from[i] + v);
        float c = 1.0 - max(dot(h, v), 0.0), c2 = c * c, f = f0 + (1.0 - f0) * c2 * c2 * c;
        f *= (power + 8.0) / 25.0 * exp2(power * log2(max(dot(n, h), 1e-4)));
        sum += lamp_colour[i] * (reached[i] * f * max(dot(n, lamp_from[i]), 0.0));
    }
    float f2 = facing * facing;
    return sum + v_soft * (0.6 * f0 + (1.0 - rough) * 0.2 * f2 * f2 * facing);
}
vec4 shown(vec3 linear, float mark) {
    vec3 x = max(linear * exposure, 0.0);
    x = mix(x, 1.0 - 0.4 * exp(-(x - 0.6) / 0.4), step(0.6, x));  // highlights roll off
    return vec4(mix(12.92 * x, 1.055 * pow(x, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, x)), mark);
}
"""

_SKIN: Final = """
uniform sampler2D painted; uniform float gloss; uniform float rough; uniform float relief; uniform vec3 bleed;
void main() {
    find_shadow();
    vec4 paint = texture(painted, v_uv);
    vec3 p = v_head, n = normalize(v_normal), v = normalize(v_view);
    // Bumps from a height (Mikkelsen 2010), from differences between neighbouring pixels.
    vec3 px = dFdx(v_view), py = dFdy(v_view);
    vec3 r1 = cross(py, n), r2 = cross(n, px);
    float det = dot(px, r1);
    vec3 slope = sign(det) * (dFdx(paint.a) * r1 + dFdy(paint.a) * r2);
    vec3 bent = normalize(abs(det) * n - relief * slope);
    vec3 albedo = paint.rgb * paint.rgb;
    vec3 seen = albedo * (v_soft * (0.85 + 0.3 * paint.a) + lamps(bent, bleed)) + gloss * sheen(bent, v, rough, 0.04);
    colour = shown(seen, 1.0);
}
"""

_PLAIN: Final = """
uniform float gloss; uniform float rough;
void main() {
    find_shadow();
    vec3 n = normalize(v_normal), v = normalize(v_view);
    if (dot(n, v) < 0.0) n = -n;
    float inner = v_local.z;  // light that reaches the inside of a mouth, 1 outside
    vec3 seen = v_albedo * (v_soft + lamps(n, vec3(0.1)) * inner) + gloss * inner * sheen(n, v, rough, 0.04);
    colour = shown(seen, 1.0);
}
"""

_EYE: Final = """
uniform vec3 iris; uniform vec3 white; uniform float pupil; uniform float iris_radius; uniform vec2 lids[18]; uniform float veins;
float noise(float a) { return fract(sin(a * 91.7) * 43758.5); }
float wave(float a, float n) { float f = a * n, i = floor(f), t = fract(f); t = t * t * (3.0 - 2.0 * t);
    return mix(noise(mod(i, n) + n), noise(mod(i + 1.0, n) + n), t); }
float edge(int first, float x) {  // height of a lid above this x
    float y = lids[first].y;
    for (int i = first; i < first + 8; i++) {
        float t = clamp((x - lids[i].x) / (lids[i + 1].x - lids[i].x + 1e-6), 0.0, 1.0);
        y = mix(y, lids[i + 1].y, t);
    }
    return y;
}
void main() {
    find_shadow();
    vec3 n = normalize(v_normal), v = normalize(v_view);
    float r = length(v_local.xy), a = atan(v_local.y, v_local.x) / 6.2831853 + 0.5;
    if (v_local.z < 0.0) r = 2.0;
    float fibre = 0.55 + 0.5 * wave(a, 41.0) * wave(a + 0.3, 17.0) + 0.35 * wave(a, 97.0);
    float ring = smoothstep(0.75, 1.02, r / iris_radius);
    vec3 inside = iris * fibre * (1.0 + 0.8 * smoothstep(0.75, 0.35, r / iris_radius)) * (1.0 - 0.75 * ring);
    inside *= smoothstep(pupil - 0.03, pupil + 0.03, r);
    vec3 outside = white * (1.0 - veins * smoothstep(0.6, 1.3, r) * vec3(0.1, 0.5, 0.5));
    vec3 albedo = mix(inside, outside, smoothstep(iris_radius - 0.05, iris_radius + 0.05, r));
    // Lids and lashes keep light away; most of it comes from above.
    float up = edge(0, v_head.x) - v_head.y, down = v_head.y - edge(9, v_head.x);
    float open = (1.0 - 0.75 * exp(-max(up, 0.0) / 0.2)) * 0.85 * (1.0 - 0.45 * exp(-max(down, 0.0) / 0.10));
    float corner = smoothstep(0.0, 0.35, v_head.x - lids[0].x) * smoothstep(0.0, 0.35, lids[8].x - v_head.x);
    open *= 0.55 + 0.45 * corner;
    vec3 diffuse = mix(n, normalize(n + vec3(0.0, 0.0, 0.6)), 0.5);
    vec3 seen = open * albedo * (v_soft + lamps(diffuse, vec3(0.25, 0.15, 0.12))) + sheen(n, v, 0.13, 0.03) * (0.3 + 0.7 * open);
    colour = shown(seen, 0.0);
}
"""

_LASH: Final = """
uniform float cover; uniform float fineness; uniform float thick;
void main() {
    find_shadow();
    float along = v_local.x, across = v_local.y * fineness;
    float line = abs(fract(across) - 0.5) * 2.0;
    float alpha = cover * smoothstep(thick * (1.0 - along) + 0.05, thick * (1.0 - along) - 0.15, line) * (1.0 - 0.6 * along);
    if (alpha < 0.02) discard;
    colour = vec4(shown(v_albedo * (v_soft + lamps(normalize(v_normal), vec3(0.5))), 1.0).rgb, alpha);
}
"""

_HAIR_VERTEX: Final = """
#version 330
in vec3 position; in vec3 soft; in vec3 normal; in vec3 tangent; in vec2 uv; in vec3 albedo; in float density;
uniform mat4 clip_from_head; uniform mat3 turn; uniform vec3 place; uniform mat4 lamp_from_head;
out vec3 v_normal; out vec3 v_tangent; out vec3 v_view; out vec3 v_soft; out vec2 v_uv; out vec3 v_albedo; out vec3 v_lamp;
out float v_density;
void main() {
    gl_Position = clip_from_head * vec4(position, 1.0);
    v_normal = turn * normal; v_tangent = turn * tangent; v_view = -(turn * position + place);
    v_soft = soft; v_uv = uv; v_albedo = albedo; v_density = density;
    v_lamp = 0.5 + 0.5 * (lamp_from_head * vec4(position + 0.3 * normal, 1.0)).xyz;
}
"""
_HAIR: Final = """
#version 330
in vec3 v_normal; in vec3 v_tangent; in vec3 v_view; in vec3 v_soft; in vec2 v_uv; in vec3 v_albedo; in vec3 v_lamp;
in float v_density;
uniform vec3 lamp_from[2]; uniform vec3 lamp_colour[2]; uniform float exposure; uniform sampler2DShadow shadow;
uniform float sleek;
out vec4 colour;
float grain(float x) { return fract(sin(floor(x) * 91.7) * 43758.5453); }
float blend(float x) { float t = fract(x); return mix(grain(x), grain(x + 1.0), t * t * (3.0 - 2.0 * t)); }
void main() {
    float strand = 0.6 * blend(v_uv.x * 22.0) + 0.4 * blend(v_uv.x * 6.0 + 40.0);
    if (strand > v_density * (1.15 - 0.9 * v_uv.y * v_uv.y)) discard;
    vec3 t = normalize(v_tangent + 0.25 * (strand - 0.5) * v_normal), v = normalize(v_view);
    vec3 albedo = v_albedo * (0.45 + 1.1 * strand) * (0.6 + 0.4 * smoothstep(0.0, 0.3, v_uv.y));
    vec3 sum = albedo * v_soft;
    // A bright band across the locks (Kajiya and Kay 1989).
    for (int i = 0; i < 2; i++) {
        float reached = i == 0 ? texture(shadow, vec3(v_lamp.xy, min(v_lamp.z, 1.0) - 0.006)) : 1.0;
        float along = dot(t, lamp_from[i]), front = clamp(0.6 + dot(normalize(v_normal), lamp_from[i]), 0.0, 1.0);
        float seen = dot(t, v), ring = max(sqrt(max((1.0 - along * along) * (1.0 - seen * seen), 0.0)) - along * seen, 0.0);
        sum += reached * front * lamp_colour[i] * (albedo * sqrt(max(1.0 - along * along, 0.0)) + sleek * pow(ring, 28.0));
    }
    vec3 x = max(sum * exposure, 0.0);
    x = mix(x, 1.0 - 0.4 * exp(-(x - 0.6) / 0.4), step(0.6, x));
    colour = vec4(mix(12.92 * x, 1.055 * pow(x, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, x)), 1.0);
}
"""

_LENS: Final = """
uniform float cover;
void main() {
    find_shadow();
    vec3 glare = sheen(normalize(v_normal), normalize(v_view), 0.12, 0.05);
    colour = vec4(shown(v_albedo * v_soft * cover + glare, 1.0).rgb, clamp(cover + 0.06 + dot(glare, vec3(0.2)), 0.0, 1.0));
}
"""

_BACKDROP_VERTEX: Final = """
#version 330
in vec2 corner; out vec2 v_uv;
void main() { v_uv = 0.5 + 0.5 * corner; gl_Position = vec4(corner, 0.99999, 1.0); }
"""
_BACKDROP: Final = """
#version 330
in vec2 v_uv; uniform sampler2D picture; out vec4 colour;
void main() { colour = vec4(texture(picture, v_uv).rgb, 1.0); }
"""
_DEPTH_VERTEX: Final = """
#version 330
in vec3 position; uniform mat4 lamp_from_head;
void main() { gl_Position = lamp_from_head * vec4(position, 1.0); }
"""
_DEPTH: Final = """
#version 330
void main() {}
"""

SURFACES: Final = {name: (_VERTEX, _LIGHT + body) for name, body in
                   {"skin": _SKIN, "plain": _PLAIN, "eye": _EYE, "lash": _LASH, "lens": _LENS}.items()}  # fmt: skip
HAIR: Final = (_HAIR_VERTEX, _HAIR)
BACKDROP: Final = (_BACKDROP_VERTEX, _BACKDROP)
DEPTH: Final = (_DEPTH_VERTEX, _DEPTH)
