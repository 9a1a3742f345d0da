"""For PlatformIO: links the library of the board's core, with what it needs of the linker."""
import os

Import("env")  # noqa: F821, PlatformIO hands it over

HARD = "hard"


def core_of(cpu, flags):
    """The name that capture/c/build has for the core: of the board's CPU and the compiler's options."""
    for flag in flags:
        if flag.startswith("-march=rv"):
            return flag[len("-march="):].split("_")[0]
    return cpu + ("+fp" if "-mfloat-abi=" + HARD in flags else "")


def main(env):
    root = env.Dir(".").srcnode().abspath
    core = core_of(env.BoardConfig().get("build.cpu", ""), [str(flag) for flag in env.get("CCFLAGS", [])])
    library = os.path.join(root, "lib", core, "libcoroner_capture.a")
    if not os.path.exists(library):
        raise SystemExit("coroner-capture: there is no library for %s: capture/c/build %s %s" % (core, core, root))
    env.Append(
        LIBS=[env.File(library)],
        LINKFLAGS=["-Wl,--gc-sections", "-Wl,--build-id", "-L" + os.path.join(root, "link")],
    )


main(env)  # noqa: F821
