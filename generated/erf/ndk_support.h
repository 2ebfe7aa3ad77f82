/* Special functions that generated C code calls: each keeps its relative precision, and none overflows if its value is finite.
   runtime/special.py has the same functions in NumPy, by the same formulas. */
#ifndef NDK_SUPPORT_H
#define NDK_SUPPORT_H

#include <math.h>

#define NDK_INLINE static inline __attribute__((unused))

static const double NDK_PI = 3.141592653589793, NDK_ROOT_HALF = 0.7071067811865476;

NDK_INLINE double ndk_sign(double x) { return (x > 0.0) - (x < 0.0); }
NDK_INLINE double ndk_min(double x, double y) { return x < y || x != x ? x : y; }
NDK_INLINE double ndk_max(double x, double y) { return x > y || x != x ? x : y; }

/* 1/(1 + e^-x) */
NDK_INLINE double ndk_logistic(double x) {
    const double e = exp(-fabs(x));
    return (x > 0.0 ? 1.0 : e) / (1.0 + e);
}

/* log(1 + e^x) */
NDK_INLINE double ndk_softplus(double x) { return ndk_max(x, 0.0) + log1p(exp(-fabs(x))); }

/* (1 + 2x) e^{x^2} erfc x on x >= 0, a Chebyshev series in (x - 3.75)/(x + 3.75); the form of the variable is Shepherd &
   Laframboise's (1981), the coefficients were computed to 40 digits. */
__attribute__((unused)) static const double NDK_ERFCX[] = {
    2.3551578691348034, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189,
    -0.026658668435305753, 0.009074997670705265, -0.002413163540417608, 0.0004907758365258086,
    -6.916973302501207e-05, 4.13902798607301e-06, 7.74038306619849e-07, -2.1886401049234397e-07,
    1.076499946567091e-08, 4.521959811218287e-09, -7.754400208831351e-10, -6.318088340886684e-11,
    2.86879501093067e-11, 1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14,
    3.3478119482868056e-14, -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17,
    5.068148904796111e-17, -2.2370566594359995e-18,
};

NDK_INLINE double ndk_erfcx(double x) {
    const double t = 2.0 * ((x - 3.75) / (x + 3.75));
    double last = 0.0, now = 0.0;
    for (int i = (int)(sizeof NDK_ERFCX / sizeof *NDK_ERFCX) - 1; i > 0; i--) {
        const double next = t * now - last + NDK_ERFCX[i];
        last = now;
        now = next;
    }
    return (0.5 * t * now - last + 0.5 * NDK_ERFCX[0]) / (1.0 + 2.0 * x);
}

/* Dawson's integral: Taylor, Rybicki's (1989) exponentially convergent sum with step 0.2, asymptotic series. */
NDK_INLINE double ndk_dawson(double z) {
    const double x = fabs(z), square = x * x;
    double sum;
    if (x < 0.5) {
        sum = 1.0;
        for (int n = 16; n > 0; n--) sum = 1.0 - sum * (2.0 * square / (2 * n + 1));
        return z * sum;
    }
    if (x > 20.0) {
        sum = 1.0;
        for (int n = 9; n > 0; n--) sum = 1.0 + sum * ((2 * n - 1) / (2.0 * square));
        return sum / (2.0 * z);
    }
    const double centre = 2.0 * floor(0.5 * x / 0.2 + 0.5);
    sum = 0.0;
    for (int n = -35; n <= 35; n += 2) {
        const double d = x - (centre + n) * 0.2;
        sum += exp(-d * d) / (centre + n);
    }
    return ndk_sign(z) * sum / sqrt(NDK_PI);
}

/* e^A - e^B, given A - B */
NDK_INLINE double ndk_expdiff(double A, double B, double difference) {
    return -ndk_sign(difference) * expm1(-fabs(difference)) * exp(difference > 0.0 ? A : B);
}

/* e^A erfc z, given B = A - z^2 */
NDK_INLINE double ndk_experfc(double A, double z, double B) {
    return z > 0.0 ? exp(B) * ndk_erfcx(z) : exp(A) * erfc(z);
}

/* e^A erfi z, given B = A + z^2 */
NDK_INLINE double ndk_experfi(double A, double z, double B) {
    (void)A;
    return 2.0 / sqrt(NDK_PI) * exp(B) * ndk_dawson(z);
}

/* e^A where h > 0 and k > 0, else 0; nan where h and k, sums that may cancel, are so near 0 that the angle between the edges
   is lost */
#define NDK_LOST 1e-4
NDK_INLINE double ndk_corner(double A, double h, double k) {
    if (fmax(fabs(h), fabs(k)) < NDK_LOST) return NAN;
    return h > 0.0 && k > 0.0 ? exp(A) : 0.0;
}

/* Gauss-Legendre on [0, 1] with 36 nodes: the lower half; the upper half is its mirror image. */
__attribute__((unused)) static const double NDK_NODES[18] = {
    0.001084768757957082, 0.005706760548893881, 0.013986154475151025, 0.025863507800246228, 0.04125111274217047,
    0.060035099554801435, 0.08207641650376235, 0.10721188493389675, 0.1352554142032217, 0.16599938170723946,
    0.19921617093200975, 0.23465985703687742, 0.27206802778328987, 0.3111637264401554, 0.35165750232798587,
    0.39324955384156723, 0.4356319480953076, 0.4784909007631457,
};
__attribute__((unused)) static const double NDK_WEIGHTS[18] = {
    0.0027828598321225227, 0.006457973642032787, 0.010090757648867736, 0.01364931074928439, 0.017106905385153616,
    0.020437875461822446, 0.02361754174513299, 0.02662235698887996, 0.02943007212266241, 0.03201989867750774,
    0.034372661917868225, 0.03647094250282653, 0.038299205322935334, 0.0398439144560358, 0.04109363335216985,
    0.042039109489830966, 0.04267334286966931, 0.042991637835197376,
};

/* The summand at one node: of the integral itself where its poles are far, of Owen's T with a slope <= 1 where they are near. */
NDK_INLINE double ndk_far_beyond(double node, double x, double y, double reach) {
    const double z = reach * node, v = y + z;
    return exp(-z * (y + 0.5 * z)) / (x + v * (v / x));
}

NDK_INLINE double ndk_far_near(double node, double large, double slope) {
    const double square = 1.0 + (slope * node) * (slope * node);
    return exp(-0.5 * large * large * square) / square;
}

/* e^{(x^2 + y^2)/2} / 2pi * integral from y to infinity of e^{-(x^2 + v^2)/2} x/(x^2 + v^2) dv, for x, y >= 0; 0 at x = y = 0 */
NDK_INLINE double ndk_far(double x, double y) {
    double total = 0.0;
    if (hypot(x, y) < 1.0) {
        const double small = ndk_min(x, y), large = ndk_max(x, y), slope = small / ndk_max(large, 1e-300);
        for (int i = 0; i < 18; i++)
            total += NDK_WEIGHTS[i] * (ndk_far_near(NDK_NODES[i], large, slope) + ndk_far_near(1.0 - NDK_NODES[i], large, slope));
        total *= slope / (2.0 * NDK_PI);
        total = y > x || x == 0.0 ? total - 0.25 * erf(x * NDK_ROOT_HALF) * erfc(y * NDK_ROOT_HALF)
                      : 0.25 * erfc(x * NDK_ROOT_HALF) - total;
        return total * exp(0.5 * (x * x + y * y));
    }
    const double reach = 74.0 / (y + hypot(y, sqrt(74.0)));
    x = ndk_max(x, 1e-300);
    for (int i = 0; i < 18; i++)
        total += NDK_WEIGHTS[i] * (ndk_far_beyond(NDK_NODES[i], x, y, reach) + ndk_far_beyond(1.0 - NDK_NODES[i], x, y, reach));
    return total * reach / (2.0 * NDK_PI);
}

/* -sign(h) e^A G(|h|, g), G(h, g) = 1/2pi * integral from g to infinity of e^{-(h^2 + y^2)/2} h/(h^2 + y^2) dy, given
   A - h^2/2 and A - (h^2 + g^2)/2: e^A Phi2(h, k; rho) = corner + edge + edge (Owen 1956, integrated from the far end). */
NDK_INLINE double ndk_edge(double h, double g, double along, double apex) {
    double value = exp(apex) * ndk_far(fabs(h), fabs(g));
    if (g < 0.0) value = exp(along) * (0.5 * ndk_erfcx(fabs(h) * NDK_ROOT_HALF)) - value;
    return h > 0.0 ? -value : value;
}

/* theta - sin theta, given s = sin theta/2 and k = cos theta/2 */
NDK_INLINE double ndk_theta_minus_sin(double theta, double s, double k) {
    if (theta >= 2.0) return theta - 2.0 * s * k;
    const double square = theta * theta;
    double series = 1.0;
    for (int n = 14; n > 1; n--) series = 1.0 - series * square / ((2 * n) * (2 * n + 1));
    return theta * square / 6.0 * series;
}

/* psi cos theta + sin theta for theta = pi - psi; it tends to psi^3/3 as theta -> pi */
NDK_INLINE double ndk_arccos_kernel_1(double psi, double s, double k) {
    return k >= s ? psi * ((k - s) * (k + s)) + 2.0 * s * k : 2.0 * k * k * psi - ndk_theta_minus_sin(psi, s, k);
}

/* p - q cos theta, given c = pq cos theta and s = sin theta/2 */
NDK_INLINE double ndk_p_minus_q_cos(double p, double q, double c, double s) {
    return c > 0.0 ? (p - q) + 2.0 * q * s * s : p - c / p;
}

#endif
