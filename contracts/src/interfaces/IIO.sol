// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @notice A balance that exists from the first block.
struct Genesis {
    address account;
    uint256 amount;
}

/// @notice The contracts that hold IO of others and cast no votes. Each may be zero.
struct Pools {
    address settlement;
    address escrow;
    address distributor;
}

/// @title IO, the token that pays for compute
/// @notice ERC-20 with permit and votes (timestamp clock), 18 decimals, never more than MAX_SUPPLY.
interface IIO is IERC20, IERC20Permit {
    /// @notice `caller` is not the one account that may do this.
    error Unauthorized(address caller, address required);

    /// @notice The most IO that can exist at any time, in wei.
    function MAX_SUPPLY() external view returns (uint256);

    /// @notice The only account that can mint; zero means nobody.
    function minter() external view returns (address);

    /// @notice The only account that can burn.
    function burner() external view returns (address);

    /// @notice Whose balances have no votes.
    function pools() external view returns (Pools memory);

    /// @notice Creates `amount` for `to`. Only the minter.
    /// @dev Reverts with ERC20ExceededSafeSupply(given, maximum) above MAX_SUPPLY.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` of `account` and spends as much of its allowance to the burner. Only the burner.
    /// @dev There is no public burn: IO that disappears without IOSD would count nowhere.
    function burnFrom(address account, uint256 amount) external;
}
