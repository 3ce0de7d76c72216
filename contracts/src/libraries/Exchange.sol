// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What IO and IOSD are worth in each other
/// @notice No spread and no bias: the last wei alone is rounded, against whoever burns. `price` is USD for one IO with 18
/// decimals, and not zero.
library Exchange {
    uint256 private constant ONE = 1e18;

    /// @notice ⌊io·price⌋: IOSD made by burning `io`.
    function iosdForIo(uint256 io, uint256 price) internal pure returns (uint256) {
        return Math.mulDiv(io, price, ONE);
    }

    /// @notice ⌈iosd/price⌉: IO that must be burned for `iosd`.
    function ioForIosd(uint256 iosd, uint256 price) internal pure returns (uint256) {
        return Math.mulDiv(iosd, ONE, price, Math.Rounding.Ceil);
    }
}
