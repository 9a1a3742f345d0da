// Values of every kind that C++ adds, for two debuggers to show. Freestanding; ends in a loop.
namespace app {

enum Colour { Red, Green = 4 };
enum class State : unsigned char { Off, On = 3 };

struct Empty {};

class Base {
public:
    virtual int run() { return id; }
    int id = 3;
    static int total;
};
[[gnu::used]] int Base::total = 12;

class Derived : public Base, public Empty {
public:
    int run() override { return id + extra; }
    int extra = 4;
    Colour colour = Green;
    State state = State::On;
};

template <typename T, int N> struct Ring {
    T items[N];
    unsigned head;
    T &front;
};

[[gnu::used]] Derived derived;
[[gnu::used]] Ring<short, 3> ring = {{1, 2, 3}, 1, ring.items[0]};
[[gnu::used]] int target = 99;
[[gnu::used]] int &reference = target;
[[gnu::used]] char16_t wide = u'x';
[[gnu::used]] bool flag = true;
[[gnu::used]] const Base *const pointer = &derived;

} // namespace app

volatile int sink;

extern "C" __attribute__((noinline)) void crash(int code)
{
    sink = code;
    for (;;)
        sink = sink + 1;
}

__attribute__((noinline)) int app_walk(app::Base &object, const app::Ring<short, 3> &ring, app::State state)
{
    app::Derived copy;
    copy.id = ring.items[1];
    auto add = [&](int n) { return n + copy.id; };
    crash(add(object.run()));
    return copy.run() + (state == app::State::Off) + add(3);
}

__attribute__((used, externally_visible)) int main()
{
    return app_walk(app::derived, app::ring, app::derived.state) + app::reference + app::wide + app::flag
        + (app::pointer == nullptr) + app::Base::total;
}

__asm__(".section .start, \"a\"\n.word stack_top\n.word _start\n.text\n.thumb\n.globl _start\n.thumb_func\n"
        ".type _start, %function\n_start:\n.cfi_startproc\n.cfi_undefined lr\nbl main\n1: b 1b\n.cfi_endproc\n"
        ".size _start, . - _start\n");
