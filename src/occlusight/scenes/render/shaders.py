"""The shaders of `rasterizer`: surfaces in the light of a sun and a sky, depth alone, and the sky itself. GLSL 3.30."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True)
class Shader:
    """The source of a program."""

    vertex: str
    fragment: str


class Look(IntEnum):
    """What a surface looks like, and the two passes of one that is clear: the program's `look`."""

    PLAIN = 0
    TEXTURE = 1  # in sRGB
    LINEAR_TEXTURE = 2
    MIRROR = 3
    TINT = 4  # what comes through
    GLARE = 5  # what is thrown back


_ENVIRONMENT = """
uniform vec3 sky, ground, eye;
uniform int outdoors, mapped;
uniform sampler2D far_map;
uniform float map_turn;  // to the right, as a share of a whole turn

vec3 environment(vec3 along) {  // what comes from far away
    if (mapped == 1) {
        vec2 at = vec2(atan(along.x, along.y) / 6.28318531 - map_turn, acos(clamp(along.z, -1.0, 1.0)) / 3.14159265);
        return dot(sky, vec3(1.0 / 3.0)) * textureLod(far_map, at, 0.0).rgb;
    }
    if (along.z < 0.0) return ground;
    if (outdoors == 0) return sky;
    vec3 pale = sky * vec3(1.25, 1.15, 1.05), deep = sky * vec3(0.62, 0.8, 1.08);
    return mix(pale, deep, pow(along.z, 0.6));
}
"""

SKY = Shader(
    vertex="""#version 330
in vec2 corner;
uniform mat4 inverse;
out vec3 far_point;
void main() {
    gl_Position = vec4(corner, 0.0, 1.0);
    vec4 far = inverse * vec4(corner, 0.9, 1.0);
    far_point = far.xyz / far.w;
}
""",
    fragment=f"""#version 330
in vec3 far_point;
out vec4 colour;
{_ENVIRONMENT}
void main() {{ colour = vec4(environment(normalize(far_point - eye)), 1.0); }}
""",
)

DEPTH = Shader(
    vertex="""#version 330
in vec3 position;
uniform mat4 model, view;
void main() { gl_Position = view * model * vec4(position, 1.0); }
""",
    fragment="""#version 330
void main() {}
""",
)

DISPLAY = Shader(
    vertex="""#version 330
in vec2 corner;
out vec2 at;
void main() {
    gl_Position = vec4(corner, 0.0, 1.0);
    at = corner * vec2(0.5, -0.5) + 0.5;  // row 0 of what is read is the top
}
""",
    fragment="""#version 330
in vec2 at;
out vec4 colour;
uniform sampler2D linear;
uniform float exposure;
void main() {  // as `path_tracer.to_srgb`
    vec3 x = max(texture(linear, at).rgb, 0.0) * exposure;
    x = mix(x, 0.75 + 0.25 * (1.0 - exp(-(x - 0.75) / 0.25)), vec3(greaterThan(x, vec3(0.75))));
    vec3 curved = 1.055 * pow(max(x, 1e-9), vec3(1.0 / 2.4)) - 0.055;
    colour = vec4(mix(12.92 * x, curved, vec3(greaterThan(x, vec3(0.0031308)))), 1.0);
}
""",
)

SURFACE = Shader(
    vertex="""#version 330
in vec3 position, normal, base;
in vec2 uv, traits;  // traits: whether it takes paint, whether it is shiny
uniform mat4 model, view, to_shadow, to_above;
uniform vec4 paint;  // of the object; the last says whether there is any
uniform mat3 turn;
uniform vec4 clip;
uniform vec2 repeat;
out vec3 place, facing, in_shadow, in_above, albedo;
out vec2 at;
flat out float painted, gloss;
void main() {
    painted = traits.x * paint.a;
    gloss = traits.y;
    albedo = painted > 0.5 ? paint.rgb : base;
    vec4 world = model * vec4(position, 1.0);
    place = world.xyz;
    facing = turn * normal;
    at = uv * repeat;
    in_shadow = (to_shadow * world).xyz * 0.5 + 0.5;
    in_above = (to_above * world).xyz * 0.5 + 0.5;
    gl_ClipDistance[0] = dot(clip, world);
    gl_Position = view * world;
}
""",
    fragment=f"""#version 330
in vec3 place, facing, in_shadow, in_above, albedo;
in vec2 at;
flat in float painted, gloss;
out vec4 colour;
uniform sampler2D picture;
uniform sampler2DShadow shadow_map, above_map;
uniform vec3 tint, sun, to_sun;
uniform vec2 size;
uniform float median, softness;
uniform int look, cutout;
{_ENVIRONMENT}

float lit(sampler2DShadow map, vec3 at, float spread, float bias) {{  // a mean of four places round a point
    if (any(lessThan(at.xy, vec2(0.0))) || any(greaterThan(at.xy, vec2(1.0)))) return 1.0;
    float depth = clamp(at.z - bias, 0.0, 1.0);
    vec2 one = vec2(0.4, 0.9) * spread / 256.0, other = vec2(one.y, -one.x);
    return 0.25 * (texture(map, vec3(at.xy + one, depth)) + texture(map, vec3(at.xy + other, depth))
                 + texture(map, vec3(at.xy - one, depth)) + texture(map, vec3(at.xy - other, depth)));
}}

void main() {{
    vec3 to_eye = normalize(eye - place);
    vec3 n = normalize(facing);
    if (dot(n, to_eye) < 0.0) n = -n;
    float facing_eye = max(dot(n, to_eye), 0.0);
    float fresnel = 0.04 + 0.96 * pow(1.0 - facing_eye, 5.0);
    vec3 thrown_back = environment(reflect(-to_eye, n));
    if (look == {Look.MIRROR}) {{ colour = vec4(albedo * texture(picture, gl_FragCoord.xy / size).rgb, 1.0); return; }}
    if (look == {Look.TINT}) {{ colour = vec4(tint * (1.0 - fresnel), 1.0); return; }}
    vec3 base = look == {Look.GLARE} ? tint : albedo;
    if (look == {Look.TEXTURE} || look == {Look.LINEAR_TEXTURE}) {{
        vec4 texel = texture(picture, at);
        if (cutout == 1 && texel.a < 0.5) discard;
        vec3 linear = look == {Look.LINEAR_TEXTURE} ? texel.rgb : pow(texel.rgb, vec3(2.2));
        if (painted > 0.5) {{
            float light = dot(linear, vec3(0.2126, 0.7152, 0.0722));
            base = clamp(clamp(light / median, 0.6, 1.25) * albedo, 0.0, 0.95);
        }} else base = linear;
    }}
    float toward = max(dot(n, to_sun), 0.0);
    float bias = 0.006 + 0.02 * (1.0 - toward);
    float direct = toward > 0.0 ? toward * lit(shadow_map, in_shadow, softness, bias) : 0.0;
    float open = mix(0.35, 1.0, lit(above_map, in_above, 7.0, 0.03));
    vec3 around = mix(ground, sky, 0.5 + 0.5 * n.z) * open;
    vec3 diffuse = base * (sun * direct / 3.14159 + around);
    if (look == {Look.GLARE}) {{ colour = vec4(diffuse + fresnel * thrown_back, 1.0); return; }}
    float glint = pow(max(dot(reflect(-to_eye, n), to_sun), 0.0), 60.0);
    vec3 shiny = fresnel * thrown_back * open + 0.25 * sun * direct * glint;
    float polished = look == {Look.LINEAR_TEXTURE} ? 0.0 : gloss;  // grounds and walls are not
    colour = vec4(mix(diffuse, diffuse * (1.0 - fresnel) + shiny, polished), 1.0);
}}
""",
)
